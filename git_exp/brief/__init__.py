"""A brief: what a fresh reader needs to know of all runs, in no more words than asked for."""

from git_exp.brief.facts import Brief as Brief
from git_exp.brief.facts import Facts as Facts
from git_exp.brief.gathering import gather as gather
from git_exp.brief.sections import written as written
