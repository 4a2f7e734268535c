"""What a person puts into selects and inputs, as Slack reports it in `actions` and `state.values`."""

from collections.abc import Mapping
from typing import Any

from bot.console.workspace.reading import Control, NotThere, controls, find_option
from bot.console.workspace.state import JSON, Message, State, View

# type: where the answer stands, and where the app puts an answer to begin with
FIELDS = {
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "multi_static_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
STATELESS = frozenset(["button", "overflow"])


class NotFilled(ValueError):
    """Slack's client would not send this form yet; `problems` says why, by block_id."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{block}: {text}" for block, text in problems.items()))
        self.problems = dict(problems)


def answered(control: Control, value: Any) -> JSON:
    """One answer in Slack's shape; options may be given by value or label. Raises NotThere for an unknown one."""
    name, _ = FIELDS[control.type]
    if name == "selected_option":
        value = find_option(control, str(value)).json
    elif name == "selected_options":
        items = [value] if isinstance(value, str) else value
        value = [find_option(control, str(item)).json for item in items]
    elif name == "value":
        value = str(value) or None
    return {"type": control.type, name: value}


def values(state: State, source: Message | View, key: str, given: Mapping[str, Any]) -> dict[str, JSON]:
    """`state.values` of a message or view: given now, chosen before, or as the app began them.

    `given` names fields by block_id, action_id or label. Raises NotThere for a name that is none of them.
    """
    fields = [control for control in controls(source) if control.type not in STATELESS]
    for name in given:
        if not any(name in (field.block_id, field.action_id, field.label) for field in fields):
            known = ", ".join(f"{field.block_id}/{field.action_id} ({field.label})" for field in fields)
            raise NotThere(f"there is no field {name!r}; there is: {known or 'none'}")
    answers: dict[str, JSON] = {}
    for field in fields:
        answers.setdefault(field.block_id, {})[field.action_id] = _value(state, key, field, given)
    return answers


def check_filled(source: View, answers: Mapping[str, JSON]) -> None:
    """What Slack's client itself refuses. Raises NotFilled."""
    problems = {}
    for field in controls(source):
        if field.block["type"] != "input":
            continue
        answer = answers[field.block_id][field.action_id][FIELDS[field.type][0]]
        trouble = _trouble(field, answer)
        if trouble:
            problems[field.block_id] = trouble
    if problems:
        raise NotFilled(problems)


def _value(state: State, key: str, field: Control, given: Mapping[str, Any]) -> JSON:
    for name in (field.block_id, field.action_id, field.label):
        if name in given:
            return answered(field, given[name])
    chosen = state.picked.get(key, {}).get((field.block_id, field.action_id))
    if chosen is not None:
        return chosen
    name, initial = FIELDS[field.type]
    empty: Any = [] if name in ("selected_options", "selected_users") else None
    return {"type": field.type, name: field.element.get(initial, empty)}


def _trouble(field: Control, answer: Any) -> str:
    """Why the client would not send this answer."""
    if not answer:
        return "" if field.block.get("optional") else "Please complete this required field."
    if field.type == "plain_text_input":
        least, most = field.element.get("min_length", 0), field.element.get("max_length", 3000)
        if len(answer) < least:
            return f"Please enter at least {least} characters."
        if len(answer) > most:
            return f"Please enter no more than {most} characters."
    if field.type == "number_input":
        return _number_trouble(field.element, answer)
    return ""


def _number_trouble(element: JSON, answer: str) -> str:
    try:
        number = float(answer) if element.get("is_decimal_allowed") else int(answer)
    except ValueError:
        return "Please enter a number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number that is at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number that is at most {element['max_value']}."
    return ""
