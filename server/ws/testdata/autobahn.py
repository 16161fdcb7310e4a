"""Starts Autobahn's fuzzing client from a folder that pip installed it to."""
import os
import site
import sys

site.addsitedir(sys.argv[1])
sys.path.insert(0, sys.argv[1])

from autobahntestsuite import wstest  # noqa: E402

sys.argv = ["wstest", "-m", "fuzzingclient", "-s", sys.argv[2]]
wstest.run()
