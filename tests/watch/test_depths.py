"""What the rules read from a look at the queue directories, in numbers and in words."""

from __future__ import annotations

from bot.agent.protocol import ALL_QUEUES, Depth
from bot.store.samples import Sample
from bot.watch import depths
from bot.watch.depths import Known
from bot.watch.model import Reading
from bot.watch.rules import Rules

RULES = Rules().of("mx1")
NOW = 1_800_000_000

QUIET = Depth(
    taken_at=NOW,
    queues=dict.fromkeys(ALL_QUEUES, 0),
    free_bytes=50 << 30,
    total_bytes=100 << 30,
    free_inodes=900,
    total_inodes=1000,
    mail_system_up=True,
)


def with_queues(**counts: int | None) -> Depth:
    return QUIET._replace(queues={**QUIET.queues, **counts})


def reading(rule: str, depth: Depth, known: Known = Known()) -> Reading:  # noqa: B008 - frozen
    (found,) = depths.readings(depth, depths.sample(depth, NOW), known, RULES)[rule]
    return found


def test_a_quiet_host_is_good_to_every_rule_that_knows_enough() -> None:
    for rule, found in depths.readings(QUIET, depths.sample(QUIET, NOW), Known(), RULES).items():
        for each in found:
            assert each.value is None or RULES[rule].judge(each.value) == "good", rule


def test_what_was_not_read_is_unknown_and_not_zero() -> None:
    unread = QUIET._replace(queues={}, mail_system_up=None, total_bytes=0, total_inodes=0)
    found = depths.readings(unread, depths.sample(unread, NOW), Known(), RULES)
    assert {rule for rule, (each,) in found.items() if each.value is not None} == {"unreachable"}


def test_one_queue_that_was_not_read_leaves_the_sum_unknown_but_not_the_others() -> None:
    depth = with_queues(incoming=None, deferred=700)
    assert reading("depth", depth).value is None
    assert reading("deferred", depth).value == 700


def test_mail_on_hold_does_not_make_a_long_queue() -> None:
    assert reading("depth", with_queues(hold=5000, deferred=3)).value == 3


def test_the_scarcer_of_bytes_and_inodes_counts() -> None:
    assert reading("disk", QUIET).value == 50
    few = reading("disk", QUIET._replace(free_inodes=20))
    assert few.value == 2
    assert few.text == "20 of 1,000 inodes are free (2.0 %)."


def test_postfix_that_is_down_is_said() -> None:
    assert reading("postfix_down", QUIET).value == 0
    assert reading("postfix_down", QUIET._replace(mail_system_up=False)).value == 1


def test_growth_is_against_a_quarter_of_an_hour_ago() -> None:
    before = tuple(
        Sample(NOW - 60 * minute, maildrop=0, incoming=0, active=0, deferred=1000 - 10 * minute, hold=0)
        for minute in range(30, 0, -1)
    )
    found = reading("growth", with_queues(deferred=1700), Known(lately=before))
    assert found.value == 1700 - 850
    assert found.text == "1,700 messages, 850 more than 15 minutes ago."


def test_without_a_sample_of_that_time_growth_is_not_known() -> None:
    young = (Sample(NOW - 60, maildrop=0, incoming=0, active=0, deferred=0, hold=0),)
    assert reading("growth", with_queues(deferred=9000), Known(lately=young)).value is None
    unknown = (Sample(NOW - 900, deferred=0),)
    assert reading("growth", with_queues(deferred=9000), Known(lately=unknown)).value is None


def test_what_is_usual_needs_some_days() -> None:
    day = Sample(NOW - 86_400, deferred=40)
    depth = with_queues(deferred=400)
    assert reading("unusual", depth, Known(usual=(day, day))).value is None
    found = reading("unusual", depth, Known(usual=(day, day, Sample(NOW, deferred=4000))))
    assert found.value == 10
    assert found.text == "400 deferred messages; 40 are usual at this hour."


def test_little_is_not_unusual_however_little_is_usual() -> None:
    never = Sample(NOW, deferred=0)
    found = reading("unusual", with_queues(deferred=60), Known(usual=(never,) * 5))
    assert (found.value, found.measured) == (0, False)


def test_the_active_queue_is_held_against_the_hosts_own_limit() -> None:
    depth = with_queues(active=990)
    assert RULES["active_full"].judge(reading("active_full", depth).value or 0) == "good"
    assert RULES["active_full"].judge(reading("active_full", depth, Known(active_limit=1000)).value or 0) == "bad"


def test_no_answer_says_for_how_long_and_why_and_nothing_else() -> None:
    (found,) = depths.no_answer(7.4, "ssh: connection refused.", RULES["unreachable"])["unreachable"]
    assert found.text == "No answer for 7 minutes: ssh: connection refused."
    assert found.value == 7.4


def test_a_host_that_gave_no_answer_just_now_is_not_well_again() -> None:
    (found,) = depths.no_answer(0, "ssh: connection refused.", RULES["unreachable"])["unreachable"]
    assert RULES["unreachable"].judge(found.value or 0) == "between" and not found.measured
    assert found.text == "No answer just now: ssh: connection refused."
