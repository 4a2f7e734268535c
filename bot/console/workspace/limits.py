"""Block Kit's shapes and limits as one table (docs.slack.dev/reference/block-kit).

Where Slack's pages and its behaviour differ, the stricter one stands here: what passes here passes there.
"""

from bot.console.workspace.schema import Choice, Flag, Items, Kinds, Number, Rule, Shape, String

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_TEXT = 40_000
BLOCKS_JSON = 13_200  # undocumented: all blocks of one message, as compact JSON
TABLE_TEXT = 10_000  # all cells of one message
VIEW_JSON = 250_000
MARKDOWN_TEXT = 12_000  # all markdown blocks of one message
STACK = 3

ID = String(255)
URL = String(3000, pattern=r"https?://\S+")


def plain(most: int) -> Kinds:
    return Kinds({"plain_text": Shape({"text": String(most)}, {"emoji": Flag()})})


def text(most: int) -> Kinds:
    return Kinds({**plain(most).shapes, "mrkdwn": Shape({"text": String(most)}, {"verbatim": Flag()})})


CONFIRM = Shape(
    {"title": plain(100), "text": text(300)},
    {"confirm": plain(30), "deny": plain(30), "style": Choice(("primary", "danger"))},
)
OPTION = Shape({"text": plain(75), "value": String(75)}, {"description": plain(75)})
RICH_OPTION = Shape({"text": text(75), "value": String(75)}, {"description": text(75)})
OVERFLOW_OPTION = Shape({"text": plain(75), "value": String(75)}, {"description": plain(75), "url": URL})
GROUP = Shape({"label": plain(75), "options": Items(OPTION, 100)})
DISPATCH = Shape({"trigger_actions_on": Items(Choice(("on_enter_pressed", "on_character_entered")), 2)})
SLACK_FILE = Shape({}, {"id": String(255, pattern="F[A-Z0-9]{8,}"), "url": URL}, one_of=(("id", "url"),))

_PICK: dict[str, Rule] = {
    "action_id": ID,
    "confirm": CONFIRM,
    "placeholder": plain(150),
    "focus_on_load": Flag(),
}
_TYPE: dict[str, Rule] = {
    "action_id": ID,
    "placeholder": plain(150),
    "focus_on_load": Flag(),
    "dispatch_action_config": DISPATCH,
}
_STATIC: dict[str, Rule] = {**_PICK, "options": Items(OPTION, 100), "option_groups": Items(GROUP, 100)}
_MANY: dict[str, Rule] = {"max_selected_items": Number(1, 100)}
_ID_LIST = Items(String(255), 100)
_ONE_SOURCE = (("options", "option_groups"),)

BUTTON = Shape(
    {"text": plain(75)},
    {
        "action_id": ID,
        "url": URL,
        "value": String(2000),
        "style": Choice(("primary", "danger")),
        "confirm": CONFIRM,
        "accessibility_label": String(75),
    },
)
STATIC_SELECT = Shape({}, {**_STATIC, "initial_option": OPTION}, one_of=_ONE_SOURCE)
MULTI_STATIC_SELECT = Shape({}, {**_STATIC, **_MANY, "initial_options": Items(OPTION, 100)}, one_of=_ONE_SOURCE)
OVERFLOW = Shape({"options": Items(OVERFLOW_OPTION, 5)}, {"action_id": ID, "confirm": CONFIRM})
RADIO = Shape(
    {"options": Items(RICH_OPTION, 10)},
    {"action_id": ID, "confirm": CONFIRM, "focus_on_load": Flag(), "initial_option": RICH_OPTION},
)
CHECKBOXES = Shape(
    {"options": Items(RICH_OPTION, 10)},
    {"action_id": ID, "confirm": CONFIRM, "focus_on_load": Flag(), "initial_options": Items(RICH_OPTION, 10)},
)
DATEPICKER = Shape({}, {**_PICK, "initial_date": String(10, pattern=r"\d{4}-\d{2}-\d{2}")})
TIMEPICKER = Shape({}, {**_PICK, "initial_time": String(5, pattern=r"\d{2}:\d{2}"), "timezone": String(255)})
DATETIMEPICKER = Shape(
    {},
    {
        "action_id": ID,
        "confirm": CONFIRM,
        "focus_on_load": Flag(),
        "initial_date_time": Number(1_000_000_000, 9_999_999_999),
    },
)
USERS_SELECT = Shape({}, {**_PICK, "initial_user": String(255)})
MULTI_USERS_SELECT = Shape({}, {**_PICK, **_MANY, "initial_users": _ID_LIST})
CONVERSATIONS_SELECT = Shape({}, {**_PICK, "initial_conversation": String(255)})
CHANNELS_SELECT = Shape({}, {**_PICK, "initial_channel": String(255)})
TEXT_INPUT = Shape(
    {},
    {
        **_TYPE,
        "initial_value": String(3000, least=0),
        "multiline": Flag(),
        "min_length": Number(0, 3000),
        "max_length": Number(1, 3000),
    },
)
NUMBER_INPUT = Shape(
    {"is_decimal_allowed": Flag()},
    {**_TYPE, "initial_value": String(100), "min_value": String(100), "max_value": String(100)},
)
EMAIL_INPUT = Shape({}, {**_TYPE, "initial_value": String(3000, least=0)})
IMAGE_ELEMENT = Shape(
    {"alt_text": String(2000)}, {"image_url": URL, "slack_file": SLACK_FILE}, one_of=(("image_url", "slack_file"),)
)

PICKERS: dict[str, Shape] = {
    "static_select": STATIC_SELECT,
    "users_select": USERS_SELECT,
    "conversations_select": CONVERSATIONS_SELECT,
    "channels_select": CHANNELS_SELECT,
    "radio_buttons": RADIO,
    "checkboxes": CHECKBOXES,
    "datepicker": DATEPICKER,
    "timepicker": TIMEPICKER,
}
MULTI: dict[str, Shape] = {
    "multi_static_select": MULTI_STATIC_SELECT,
    "multi_users_select": MULTI_USERS_SELECT,
}
IN_ACTIONS = Kinds({"button": BUTTON, "overflow": OVERFLOW, "datetimepicker": DATETIMEPICKER, **PICKERS})
IN_SECTION = Kinds({"button": BUTTON, "overflow": OVERFLOW, "image": IMAGE_ELEMENT, **PICKERS, **MULTI})
IN_INPUT = Kinds(
    {
        "plain_text_input": TEXT_INPUT,
        "number_input": NUMBER_INPUT,
        "email_text_input": EMAIL_INPUT,
        "url_text_input": EMAIL_INPUT,
        "datetimepicker": DATETIMEPICKER,
        **PICKERS,
        **MULTI,
    }
)
IN_CONTEXT = Kinds({"image": IMAGE_ELEMENT, **text(3000).shapes})

_STYLE = Shape({}, {name: Flag() for name in ("bold", "italic", "strike", "code", "underline")})
_WIDE_STYLE = Shape({}, {**_STYLE.optional, "highlight": Flag(), "client_highlight": Flag(), "unlink": Flag()})
_BORDER = Number(0, 1)
RICH_INLINE = Kinds(
    {
        "text": Shape({"text": String(MESSAGE_TEXT)}, {"style": _STYLE}),
        "link": Shape({"url": String(3000)}, {"text": String(3000), "unsafe": Flag(), "style": _STYLE}),
        "emoji": Shape({"name": String(255)}, {"unicode": String(255), "skin_tone": Number(1, 6)}),
        "user": Shape({"user_id": String(255)}, {"style": _WIDE_STYLE}),
        "usergroup": Shape({"usergroup_id": String(255)}, {"style": _WIDE_STYLE}),
        "channel": Shape({"channel_id": String(255)}, {"style": _WIDE_STYLE}),
        "broadcast": Shape({"range": Choice(("here", "channel", "everyone"))}, {"style": _STYLE}),
        "date": Shape(
            {"timestamp": Number(0, 99_999_999_999), "format": String(1000)},
            {"fallback": String(1000), "url": URL, "style": _STYLE},
        ),
        "color": Shape({"value": String(20)}),
    }
)
_LINES = Kinds({name: RICH_INLINE.shapes[name] for name in ("text", "link")})
_RICH_SECTION = Shape({"elements": Items(RICH_INLINE, 10_000, least=0)})
RICH_PARTS = Kinds(
    {
        "rich_text_section": _RICH_SECTION,
        "rich_text_list": Shape(
            {
                "style": Choice(("bullet", "ordered")),
                "elements": Items(Kinds({"rich_text_section": _RICH_SECTION}), 10_000),
            },
            {"indent": Number(0, 8), "offset": Number(0, 1_000_000), "border": _BORDER},
        ),
        "rich_text_preformatted": Shape(
            {"elements": Items(_LINES, 10_000)}, {"border": _BORDER, "language": String(50)}
        ),
        "rich_text_quote": Shape({"elements": Items(RICH_INLINE, 10_000)}, {"border": _BORDER}),
    }
)
RICH_TEXT = Shape({"elements": Items(RICH_PARTS, 10_000)}, {"block_id": ID})
CELL = Kinds(
    {
        "raw_text": Shape({"text": String(TABLE_TEXT)}),
        "raw_number": Shape({"value": Number(-1e15, 1e15, fraction=True)}, {"text": String(255)}),
        "rich_text": Shape({"elements": Items(RICH_PARTS, 10_000)}),
    }
)
COLUMN = Shape({}, {"align": Choice(("left", "center", "right")), "is_wrapped": Flag()})

_ID: dict[str, Rule] = {"block_id": ID}
COMMON: dict[str, Shape] = {
    "section": Shape(
        {},
        {
            **_ID,
            "text": text(3000),
            "fields": Items(text(2000), 10),
            "accessory": IN_SECTION,
            "expand": Flag(),
        },
        any_of=(("text", "fields"),),
    ),
    "header": Shape({"text": plain(150)}, {**_ID, "level": Number(1, 4)}),
    "divider": Shape({}, _ID),
    "context": Shape({"elements": Items(IN_CONTEXT, 10)}, _ID),
    "actions": Shape({"elements": Items(IN_ACTIONS, 25)}, _ID),
    "image": Shape(
        {"alt_text": String(2000)},
        {**_ID, "image_url": URL, "slack_file": SLACK_FILE, "title": plain(2000)},
        one_of=(("image_url", "slack_file"),),
    ),
    "rich_text": RICH_TEXT,
    "input": Shape(
        {"label": plain(2000), "element": IN_INPUT},
        {**_ID, "hint": plain(2000), "optional": Flag(), "dispatch_action": Flag()},
    ),
}
MESSAGE = Kinds(
    {
        **COMMON,
        "table": Shape({"rows": Items(Items(CELL, 20), 100)}, {**_ID, "column_settings": Items(COLUMN, 20, least=0)}),
        "markdown": Shape({"text": String(MARKDOWN_TEXT)}, _ID),
    }
)
MODAL = Kinds(
    {
        **COMMON,
        "alert": Shape(
            {"text": text(200)}, {**_ID, "level": Choice(("default", "info", "warning", "error", "success"))}
        ),
    }
)
HOME = Kinds(COMMON)

_VIEW: dict[str, Rule] = {
    "private_metadata": String(3000, least=0),
    "callback_id": String(255, least=0),
    "external_id": String(255, least=0),
}
VIEWS = Kinds(
    {
        "modal": Shape(
            {"title": plain(24), "blocks": Items(MODAL, VIEW_BLOCKS)},
            {
                **_VIEW,
                "submit": plain(24),
                "close": plain(24),
                "clear_on_close": Flag(),
                "notify_on_close": Flag(),
                "submit_disabled": Flag(),
            },
        ),
        "home": Shape({"blocks": Items(HOME, VIEW_BLOCKS, least=0)}, _VIEW),
    }
)
