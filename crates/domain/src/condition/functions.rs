//! Functions and methods by name: for hints, and for the reference, where each stands with an example that compiles.

/// A function (`floor(x)`), or a method (`list.count(i, …)`).
pub struct Function {
    pub name: &'static str,
    pub method: bool,
    pub form: &'static str,
    pub doc: &'static str,
    /// Compiles in a rule on `order.paid` with `each`.
    pub example: &'static str,
}

const fn function(
    name: &'static str,
    form: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Function {
    Function { name, method: false, form, doc, example }
}
const fn method(
    name: &'static str,
    form: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Function {
    Function { name, method: true, form, doc, example }
}

pub const FUNCTIONS: [Function; 26] = [
    function("has", "has(a.b)", "whether what may be absent is there", "has(member.birthday)"),
    method("or", "x.or(value)", "the value in place of what is absent", "params.rate[item.category].or(1)"),
    function("floor", "floor(n)", "down to a whole number", "floor(order.subtotal / 10)"),
    function("ceil", "ceil(n)", "up to a whole number", "ceil(order.subtotal / 10)"),
    function("round", "round(n)", "to the nearest whole number, half away from zero", "round(item.total)"),
    function("abs", "abs(n)", "without its sign", "abs(item.total - 10)"),
    function("min", "min(n, …)", "the smallest of one number or more", "min(order.subtotal, 500)"),
    function("max", "max(n, …)", "the largest of one number or more", "max(0, item.total - 10)"),
    function("size", "size(list or text)", "how many elements, or characters", "size(order.items)"),
    function("lower", "lower(text)", "in small letters", "lower(item.brand) == \"acme\""),
    method("startsWith", "text.startsWith(text)", "whether it begins so", "item.sku.startsWith(\"GIFT-\")"),
    method("endsWith", "text.endsWith(text)", "whether it ends so", "item.sku.endsWith(\"-XL\")"),
    method("contains", "text.contains(text)", "whether it stands in it", "item.product.contains(\"tea\")"),
    method(
        "exists",
        "list.exists(i, condition)",
        "whether it holds for some element",
        "order.items.exists(i, i.category == \"tea\")",
    ),
    method(
        "all",
        "list.all(i, condition)",
        "whether it holds for every element",
        "order.items.all(i, i.price < 100)",
    ),
    method(
        "filter",
        "list.filter(i, condition)",
        "the elements for which it holds",
        "size(order.items.filter(i, i.category == \"tea\"))",
    ),
    method(
        "count",
        "list.count(i, condition)",
        "for how many elements it holds",
        "order.items.count(i, i.category == \"tea\")",
    ),
    method("sum", "list.sum(i, number)", "the sum over the elements", "order.items.sum(i, i.quantity)"),
    function("date", "date(\"2026-12-01\")", "a date as written", "today >= date(\"2026-12-01\")"),
    function(
        "days_since",
        "days_since(date or time)",
        "whole local days from then to now; negative for the future",
        "days_since(member.enrolled_on)",
    ),
    function(
        "months_since",
        "months_since(date or time)",
        "the same in whole months",
        "months_since(member.enrolled_on)",
    ),
    function(
        "years_since",
        "years_since(date or time)",
        "the same in whole years",
        "years_since(member.enrolled_on)",
    ),
    function(
        "band",
        "band(bands, n)",
        "the value of the band in which n lies",
        "band(params.bands, order.subtotal)",
    ),
    function("volume", "volume(bands, n)", "n times that value", "volume(params.bands, order.subtotal)"),
    function(
        "graduated",
        "graduated(bands, n)",
        "each part of n times the value of its own band",
        "graduated(params.bands, order.subtotal)",
    ),
    method(
        "ago",
        "counters.C.ago(N)",
        "the counter N windows ago: 1 to 12, as written; its `per` is a unit",
        "counters.c.ago(1)",
    ),
];

/// Names of functions, or of methods. `in` is written between two values, and looked for here.
pub fn names(method: bool) -> Vec<&'static str> {
    let named = FUNCTIONS.iter().filter(|f| f.method == method).map(|f| f.name);
    named.chain((!method).then_some("in")).collect()
}
