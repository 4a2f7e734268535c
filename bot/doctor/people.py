"""Who may do what, held against what the policy needs: somebody to ask, and somebody to approve."""

from bot.actors import Role, Roster
from bot.doctor.lines import Line, ok, problem, warning
from bot.settings import Settings
from bot.text import plural

ABOUT = "people"
LOGIN = "login:"


def lines(settings: Settings, roster: Roster) -> list[Line]:
    """After the user groups were read; one that was not makes who may approve unknown."""
    named = (*roster.viewers, *roster.operators, *roster.approvers)
    if not named:
        mend = "In the settings: APPROVERS=U… (in Slack: your profile, ⋮, Copy member ID)"
        return [problem(ABOUT, "Nobody has a role, so the bot answers nobody but with help.", mend)]
    approvers = roster.people(Role.APPROVER)
    if approvers is None:
        return [warning(ABOUT, "Who may approve is not known as long as a user group can't be read.", _IDS)]
    if approvers and all(each.startswith(LOGIN) for each in approvers):
        text = "APPROVERS names terminal logins alone, so nobody may approve in Slack, only at `maildesk console`."
        return [warning(ABOUT, text, _IDS)]
    return [_approvers(settings, len([each for each in approvers if not each.startswith(LOGIN)]))]


def _approvers(settings: Settings, number: int) -> Line:
    limit, typed = settings.approval_self_max, settings.approval_typed_over
    if number == 0:
        text = "Nobody may approve, so each request for a deletion ends undecided."
        return problem(ABOUT, text, _IDS)
    if number == 1:
        return ok(
            ABOUT,
            "There is one approver. For more than "
            f"{plural(limit, 'message')} the typed number stands in for a second person.",
        )
    return ok(
        ABOUT,
        f"{number} people may approve. Up to {plural(limit, 'message')} one is enough, above it another one decides; "
        f"above {typed:,} the number is typed.",
    )


_IDS = "In the settings: APPROVERS=U…, each person's own ID"
