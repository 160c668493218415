"""What a run is: a frozen, validated record of everything that its dynamics depend on.

The *config id* is a hash of those fields alone.  How long a run is trained, how often it is
measured and where it is stored are not part of it (see `grokbook.plan.Plan`), so the
same run can be trained further without becoming another one.

There is a class for every kind of task; its `tasks` tell which one a stored config is of:

    RunConfig    modular arithmetic on a shared trunk
    DyckConfig   the depth of balanced brackets
"""

from grokbook.checks import ConfigError
from grokbook.config.base import Config, words
from grokbook.config.dyck import DyckConfig
from grokbook.config.modular import RunConfig

__all__ = ["Config", "ConfigError", "DyckConfig", "RunConfig", "words"]
