"""share: runs sent to other repositories and brought from them, by any git server."""

from git_exp.share.cargo import Cargo, Carried
from git_exp.share.receiving import Pulled, hydrate, pull
from git_exp.share.sending import Pushed, preview, push
from git_exp.share.union import Merged

__all__ = ["Cargo", "Carried", "Merged", "Pulled", "Pushed", "hydrate", "preview", "pull", "push"]
