"""The on-host program: the only code of Maildesk that touches Postfix, and the only privileged code there is.

It runs as root for one request and is gone afterwards. Standard library only, Python 3.9 or newer.
"""
