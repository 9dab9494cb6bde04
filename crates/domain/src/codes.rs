//! Codes of what the core answers: why an input was ignored, refused or waits, and why an effect was cut.
//! Stable and append-only; `docs/codes.md` lists them with a sentence each.

use crate::outcome::Reason;
use crate::value::Text;

/// The body.
pub const BAD_JSON: &str = "bad_json";
pub const TOO_DEEP: &str = "too_deep";
pub const DUPLICATE_KEY: &str = "duplicate_key";
pub const FIELD_MISSING: &str = "field_missing";
pub const WRONG_TYPE: &str = "wrong_type";
pub const UNKNOWN_WORD: &str = "unknown_word";
pub const TEXT_TOO_LONG: &str = "text_too_long";
pub const TEXT_HAS_NUL: &str = "text_has_nul";
pub const LIST_TOO_LONG: &str = "list_too_long";
pub const BODY_TOO_LONG: &str = "body_too_long";
pub const MONEY_NEGATIVE: &str = "money_negative";
pub const QUANTITY_INVALID: &str = "quantity_invalid";
pub const ITEM_REPEATED: &str = "item_repeated";
pub const MONEY_DIGITS: &str = "money_digits";
pub const NUMBER_OUT_OF_RANGE: &str = "number_out_of_range";
/// The event.
pub const EVENT_FROM_FUTURE: &str = "event_from_future";
pub const TIME_OUT_OF_RANGE: &str = "time_out_of_range";
pub const TYPE_UNKNOWN: &str = "type_unknown";
pub const TYPE_RESERVED: &str = "type_reserved";
pub const SUBJECT_MISSING: &str = "subject_missing";
pub const MEMBER_UNKNOWN: &str = "member_unknown";
pub const MEMBER_ALREADY_ENROLLED: &str = "member_already_enrolled";
pub const MEMBER_ALREADY_OPENED: &str = "member_already_opened";
pub const CURRENCY_MISMATCH: &str = "currency_mismatch";
pub const REGION_UNKNOWN: &str = "region_unknown";
/// Orders.
pub const ORDER_UNKNOWN: &str = "order_unknown";
pub const ORDER_ALREADY_PAID: &str = "order_already_paid";
pub const ORDER_OF_ANOTHER_MEMBER: &str = "order_of_another_member";
pub const ORDER_ID_EMPTY: &str = "order_id_empty";
pub const ITEM_UNKNOWN: &str = "item_unknown";
pub const REFUND_ALREADY_APPLIED: &str = "refund_already_applied";
pub const ORDER_UPDATE_STALE: &str = "order_update_stale";
pub const VERSION_UNKNOWN: &str = "version_unknown";
/// What the API does.
pub const WALLET_UNKNOWN: &str = "wallet_unknown";
pub const AMOUNT_INVALID: &str = "amount_invalid";
pub const REASON_REQUIRED: &str = "reason_required";
pub const TIER_UNKNOWN: &str = "tier_unknown";
pub const UNTIL_PASSED: &str = "until_passed";
pub const POINTS_INSUFFICIENT: &str = "points_insufficient";
pub const IDENTITY_INVALID: &str = "identity_invalid";
pub const IDENTITY_TAKEN: &str = "identity_taken";
/// Referrals.
pub const REFERRALS_NONE: &str = "referrals_none";
pub const REFERRAL_CODE_MISSING: &str = "referral_code_missing";
pub const REFERRAL_CODE_UNKNOWN: &str = "referral_code_unknown";
pub const REFERRAL_ALREADY_CLAIMED: &str = "referral_already_claimed";
pub const REFERRAL_OF_ONESELF: &str = "referral_of_oneself";
pub const REFERRAL_CIRCLE: &str = "referral_circle";
pub const REFERRAL_TOO_LATE: &str = "referral_too_late";
/// Rewards.
pub const REWARD_UNKNOWN: &str = "reward_unknown";
pub const REWARD_NOT_ACTIVE: &str = "reward_not_active";
pub const REWARD_OUT_OF_STOCK: &str = "reward_out_of_stock";
pub const CONDITION_UNMET: &str = "condition_unmet";
pub const ORDER_REQUIRED: &str = "order_required";
pub const LIMIT_REACHED: &str = "limit_reached";
pub const REDEMPTION_UNKNOWN: &str = "redemption_unknown";
pub const REDEMPTION_OVER: &str = "redemption_over";
/// Members with members.
pub const TRANSFER_NOT_ALLOWED: &str = "transfer_not_allowed";
pub const TRANSFER_TO_ONESELF: &str = "transfer_to_oneself";
pub const MERGE_WITH_ONESELF: &str = "merge_with_oneself";
pub const MERGE_NOT_NOW: &str = "merge_not_now";
pub const UNMERGE_NOT_ABSORBED: &str = "unmerge_not_absorbed";
pub const UNMERGE_TOO_LATE: &str = "unmerge_too_late";
pub const UNMERGE_NOT_NOW: &str = "unmerge_not_now";
pub const HOUSEHOLDS_NONE: &str = "households_none";
pub const HOUSEHOLD_ALREADY: &str = "household_already";
pub const HOUSEHOLD_WITH_ONESELF: &str = "household_with_oneself";
pub const HOUSEHOLD_FULL: &str = "household_full";
pub const HOUSEHOLD_OWES: &str = "household_owes";
pub const HOUSEHOLD_NOT_IN: &str = "household_not_in";
pub const HOUSEHOLD_STAY: &str = "household_stay";
pub const MEMBER_ERASED: &str = "member_erased";
/// Why an effect was cut (beside the ids of limits and campaigns).
pub const BALANCE_MAX: &str = "balance_max";
pub const WINDOW_FORGOTTEN: &str = "window_forgotten";
pub const FORGIVEN: &str = "forgiven";
pub const SPENT_SINCE: &str = "spent_since";

/// Whether the event itself is at fault, or its type not known, whatever the past: that does not take the event's name, so
/// that the event can be mended, or the program, and sent again under the same id.
pub fn leaves_name(reason: &Reason) -> bool {
    LEAVES_NAME.contains(&&*reason.code)
}

const LEAVES_NAME: [&str; 21] = [
    TYPE_UNKNOWN,
    BAD_JSON,
    TOO_DEEP,
    DUPLICATE_KEY,
    FIELD_MISSING,
    WRONG_TYPE,
    UNKNOWN_WORD,
    TEXT_TOO_LONG,
    TEXT_HAS_NUL,
    LIST_TOO_LONG,
    BODY_TOO_LONG,
    MONEY_NEGATIVE,
    MONEY_DIGITS,
    NUMBER_OUT_OF_RANGE,
    QUANTITY_INVALID,
    ITEM_REPEATED,
    EVENT_FROM_FUTURE,
    TIME_OUT_OF_RANGE,
    SUBJECT_MISSING,
    ORDER_ID_EMPTY,
    REGION_UNKNOWN,
];

pub fn reason(code: &str, message: impl Into<Text>) -> Reason {
    Reason { code: code.into(), message: message.into(), pointer: None }
}

pub fn reason_at(code: &str, pointer: &str, message: impl Into<Text>) -> Reason {
    Reason { code: code.into(), message: message.into(), pointer: Some(pointer.into()) }
}
