//! What each kind of message should do.

use serde_json::Value;

use super::{Book, Home, Member, Next};
use crate::audit::{Row, payload};
use crate::sim::marks::Marks;
use crate::world::Message;

const OF_ORDER: &str = "order.refunded";

impl Home {
    /// `claimed`: it waited, and became this member's.
    pub(super) fn step(
        &mut self,
        message: &Message,
        row: &Row,
        claimed: Option<u64>,
        marks: &mut Marks,
    ) -> Result<Book, String> {
        let mut book = Book::new(row.pos, message.time);
        if message.time > row.now + 300 && claimed.is_none() {
            return Ok(book.aside("refused", "event_from_future"));
        }
        let data: Value = serde_json::from_str(&message.data).map_err(|e| e.to_string())?;
        let kind = message.kind.as_str();
        if kind == "fealty.codes" {
            self.bring(&mut book, &data, marks);
            return Ok(book);
        }
        let numbered = message.subject.strip_prefix('#').and_then(|no| no.parse().ok());
        if numbered.is_some_and(|no: u64| self.members.get(&no).is_some_and(|member| member.into.is_some())) {
            marks.hit("event under an absorbed number");
        }
        let owner = numbered.map(|no| self.stands_for(no)).or(self.names.get(&message.subject).copied());
        let order = payload::text(if kind == "order.paid" { &data["id"] } else { &data["order"] });
        let other = message.also.iter().find_map(|name| self.names.get(name)).copied();
        let mut about = claimed.or(owner).or(other);
        let paid = self.orders.get(&order).map(|order| self.stands_for(order.member));
        if kind == OF_ORDER {
            about = paid.or(about);
        }
        let about = about.filter(|no| self.members.contains_key(no));
        if let Some(member) = about.and_then(|no| self.members.get(&no)) {
            if member.residents.is_some() {
                return Ok(book.aside("refused", "member_unknown"));
            }
            if member.erased && !(kind == OF_ORDER && paid.is_some()) {
                marks.hit("nothing is heard of an erased member");
                return Ok(book.aside("refused", "member_erased"));
            }
            if member.erased {
                marks.hit("order of an erased member came back");
            }
        }
        if kind == OF_ORDER && paid.is_none() {
            self.waiting.add(row.pos, message, Some(order), about);
            return Ok(book.aside("waiting", "order_unknown"));
        }
        // Under the name under which the order was paid it may be told by whoever has that name now.
        let told = self.orders.get(&order).is_some_and(|order| order.told == message.subject);
        if kind == OF_ORDER && owner.is_some() && owner != about && (numbered.is_some() || !told) {
            return Ok(book.aside("refused", "order_of_another_member"));
        }
        if kind == "order.paid" && paid.is_some() {
            return Ok(book.aside("ignored", "order_already_paid"));
        }
        if about.is_none() {
            if kind.starts_with("fealty.") || numbered.is_some() {
                return Ok(book.aside("refused", "member_unknown"));
            }
            if self.terms.guests.is_some() && kind != "member.enrolled" {
                self.waiting.add(row.pos, message, None, None);
                return Ok(book.aside("waiting", "member_unknown"));
            }
        }
        if let Some(no) = about {
            self.all_ready(no, message.time)?;
        }
        self.decide(book, (message, row), (about, &data, &order), marks)
    }
    fn decide(
        &mut self,
        mut book: Book,
        (message, row): (&Message, &Row),
        (known, data, order): (Option<u64>, &Value, &str),
        marks: &mut Marks,
    ) -> Result<Book, String> {
        let kind = message.kind.as_str();
        book.no = known.unwrap_or(self.members.len() as u64 + 1);
        book.new = known.is_none();
        if book.new {
            self.members.insert(book.no, Member::new(book.no, &self.terms));
        }
        let mut names: Vec<String> =
            std::iter::once(&message.subject).chain(&message.also).cloned().collect();
        names.retain(|name| !name.is_empty() && !name.starts_with('#'));
        if kind == "fealty.linked" {
            names.extend(data["identities"].as_array().into_iter().flatten().map(payload::text));
        }
        if kind == OF_ORDER {
            names.clear();
        }
        names.retain(|name| !self.names.contains_key(name));
        let frees = self.frees(&book, &names, (kind == "order.paid").then_some(order));
        let done = self.act_on(&mut book, (message, row), (data, order), marks)?;
        if let Err(code) = done {
            return Ok(book.aside(if code == "refund_already_applied" { "ignored" } else { "refused" }, code));
        }
        book.named = !names.is_empty();
        for name in names {
            if self.freed.remove(&name) {
                marks.hit("name of an erased member came again");
            }
            self.names.insert(name.clone(), book.no);
            self.member(book.no).names.insert(name);
        }
        book.frees = frees;
        if self.lost {
            return Ok(book);
        }
        self.close(&mut book);
        self.then(&book);
        Ok(book)
    }
    /// Err in it: why it is refused.
    fn act_on(
        &mut self,
        book: &mut Book,
        (message, row): (&Message, &Row),
        (data, order): (&Value, &str),
        marks: &mut Marks,
    ) -> Result<Result<(), &'static str>, String> {
        Ok(match message.kind.as_str() {
            "order.paid" => {
                self.paid(book, data, order, marks);
                self.orders.get_mut(order).expect("it was paid").told.clone_from(&message.subject);
                Ok(())
            }
            OF_ORDER => self.back(book, data, order),
            "member.enrolled" => {
                if std::mem::replace(&mut self.member(book.no).enrolled, true) {
                    (book.status, book.code) = ("ignored", "member_already_enrolled");
                }
                Ok(())
            }
            "visit.made" => {
                self.visited(book, data);
                Ok(())
            }
            "fealty.linked" => {
                let mut all = data["identities"].as_array().into_iter().flatten().map(payload::text);
                let free = |name: String| self.names.get(&name).is_none_or(|owner| *owner == book.no);
                if all.all(free) { Ok(()) } else { Err("identity_taken") }
            }
            "fealty.adjusted" => self.adjusted(book, data),
            "fealty.redeemed" => self.redeemed(book, data, marks),
            "fealty.redemption" => self.act(book, data, marks),
            "fealty.transferred" => self.gives(book, data),
            "fealty.joined" => self.joins(book, data, marks),
            "fealty.left" => self.leaves(book, marks),
            "fealty.merged" => self.merges(book, data, marks),
            "fealty.unmerged" => self.lets_go(book, data, row),
            "fealty.erased" => {
                self.goes_for_ever(book, marks);
                Ok(())
            }
            other => return Err(format!("{other} is not of this world")),
        })
    }
    /// Rows that wait for this order, or for one of these names within the time in which they can be claimed.
    fn frees(&self, book: &Book, names: &[String], order: Option<&str>) -> Vec<u64> {
        let gone = |pos| self.next.iter().any(|next| matches!(next, Next::Free(at, _) if *at == pos));
        self.waiting.frees(names, order, (book.at, self.terms.guests.unwrap_or(0)), gone)
    }
}
