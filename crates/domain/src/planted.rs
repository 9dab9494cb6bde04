//! Mistakes planted on purpose, to see that the tests find them. Only with the feature `planted`; without it `is` is
//! `false` for the compiler, and nothing of this is in the program.

/// (name, what goes wrong)
pub const ALL: [(&str, &str); 39] = [
    ("dedupe_window", "an event is known only for a while"),
    ("refund_by_todays_rules", "a return is worked out under the present program"),
    ("float_rounding", "a grant goes through a 64-bit float"),
    ("limit_not_freed", "a return does not free the limit that the grant used"),
    ("budget_of_batch_start", "a budget is read once for a whole batch"),
    ("counter_after_event", "rules see counters with the event already in them"),
    ("lots_joined_wrongly", "two lots become one and a point is lost"),
    ("order_paid_twice", "the same order under another event id earns again"),
    ("waiting_dropped", "a refund that came before its order is forgotten"),
    ("debt_forgiven", "what a return could not take is not owed"),
    ("refund_twice", "the same refund under another event id counts again"),
    ("half_a_batch", "a crash leaves the journal without the members' new state"),
    ("ack_before_commit", "the sender is answered before the batch is durable"),
    ("level_of_now", "a late event is judged by the level of today"),
    ("level_after_return", "a level stays though its order came back"),
    ("due_after_event", "what is due before an event is left for later"),
    ("guest_twice", "a guest's event counts for each name under which it is claimed"),
    ("gift_without_date", "points given to another member lose the date on which they end"),
    ("return_without_date", "spent points come back without the date on which they end"),
    ("lapse_keeps_stock", "a reservation that lapses does not give back its piece of the stock"),
    ("level_of_next_day", "a level that ends is judged by the first day after it"),
    ("leaves_with_all", "who leaves a household takes the others' points with him"),
    ("back_to_the_spender", "spent points come back to him who spent them, not to him who had put them in"),
    ("household_limit_alone", "a limit of a household counts only what the member himself used"),
    ("merge_forgets_limits", "who absorbs another may use a limit for both"),
    ("code_made_twice", "a code of a pattern is not looked up before it is given"),
    ("code_brought_twice", "a code that came before goes into the pool again"),
    ("erased_still_heard", "what is told of an erased member counts"),
    ("warning_of_one_lot", "a warning tells the first of the lots that end together"),
    ("run_keeps_its_mark", "a run keeps the mark of an order that came back"),
    ("return_completes_again", "a goal of a run is reached anew when a return has broken the run"),
    ("period_read_late", "the clock of a period reads counters as they are when it runs"),
    ("silence_never_over", "a silence that rang is not ended by what comes after it"),
    ("exit_forgotten", "a workflow goes on after its exit"),
    ("wait_hears_the_past", "a workflow goes on with what was before it began to wait"),
    ("returned_order_qualifies", "a referral counts though its order came back"),
    ("circle_of_referrals", "members bring each other"),
    ("freed_before_told", "what waited for an order is told to the referrer before the order"),
    ("key_lost_at_seal", "a key is lost when keys in memory become a sorted run"),
];

#[cfg(feature = "planted")]
mod chosen {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Plants one, in the whole process; None: no more.
    pub fn choose(name: Option<&str>) {
        let at = super::ALL.iter().position(|bug| Some(bug.0) == name);
        CHOSEN.store(at.unwrap_or(usize::MAX), Ordering::SeqCst);
    }
    pub fn is(name: &str) -> bool {
        super::ALL.get(CHOSEN.load(Ordering::Relaxed)).is_some_and(|bug| bug.0 == name)
    }
}
#[cfg(feature = "planted")]
pub use chosen::{choose, is};

#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is(_: &str) -> bool {
    false
}
