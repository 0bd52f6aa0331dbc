"""How Django writes a time where no template says it: in the lists of the admin site.

As in the logs and on the pages of this app: UTC, and it says so.
"""

DATETIME_FORMAT = "Y-m-d H:i T"
