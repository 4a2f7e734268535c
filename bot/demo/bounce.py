"""Non-delivery notifications as bounce(8) writes them (RFC 3464): from nobody, so that none can answer another."""

from __future__ import annotations

from collections.abc import Sequence

from bot.demo.mail import Mail

BOUNDARY = "=_notification"


def notification(sender: str, failed: Sequence[tuple[str, str, str]], host: str, now: float) -> Mail:
    """The notification to `sender`; `failed` holds each quoted recipient, its RFC 3463 status and the reason."""
    text = [f"This is the mail system at host {host}.", "", "Your message could not be delivered to:", ""]
    report = [f"Reporting-MTA: dns; {host}", ""]
    for address, status, reason in failed:
        text += [f"<{address}>: {reason}", ""]
        report += [f"Final-Recipient: rfc822; {address}", "Action: failed", f"Status: {status}", ""]
    return Mail(
        sender="",
        recipients=(sender,),
        subject="Undelivered Mail Returned to Sender",
        arrival=now,
        client=("localhost", "127.0.0.1"),
        from_header=f"MAILER-DAEMON@{host} (Mail Delivery System)",
        headers=(
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type=delivery-status; boundary="{BOUNDARY}"',
        ),
        body=(
            f"--{BOUNDARY}",
            "Content-Description: Notification",
            "",
            *text,
            f"--{BOUNDARY}",
            "Content-Type: message/delivery-status",
            "",
            *report,
            f"--{BOUNDARY}--",
        ),
    )
