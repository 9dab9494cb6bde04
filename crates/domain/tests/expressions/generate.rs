//! Well-typed and well-guarded expressions over `scene`, from a seed. `plain` ones are pure CEL over whole numbers.

pub struct Generator {
    seed: u64,
    plain: bool,
    /// The variables of the macros around.
    locals: Vec<(String, Kind)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Num,
    Text,
    Item,
}

impl Generator {
    pub fn new(seed: u64, plain: bool) -> Generator {
        Generator { seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, plain, locals: Vec::new() }
    }

    /// Below `n`.
    pub fn pick(&mut self, n: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as usize % n
    }

    fn one_of(&mut self, texts: &[&str]) -> String {
        texts[self.pick(texts.len())].to_string()
    }

    fn local(&mut self, kind: Kind) -> Option<String> {
        let fits: Vec<_> = self.locals.iter().filter(|(_, k)| *k == kind).map(|(n, _)| n.clone()).collect();
        (!fits.is_empty()).then(|| fits[self.pick(fits.len())].clone())
    }

    pub fn any(&mut self) -> String {
        let depth = 2 + self.pick(3);
        match self.pick(4) {
            0 => self.num(depth),
            1 => self.text(depth),
            _ => self.bool(depth),
        }
    }

    pub fn num(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.num_leaf();
        }
        let d = depth - 1;
        match self.pick(if self.plain { 8 } else { 20 }) {
            0 => format!("({} + {})", self.num(d), self.num(d)),
            1 => format!("({} - {})", self.num(d), self.num(d)),
            2 => format!("({} * {})", self.num(d), self.num_leaf()),
            3 => format!("({} ? {} : {})", self.bool(d), self.num(d), self.num(d)),
            4 => format!("size({})", self.list(d).0),
            5 => format!("size({})", self.text(d)),
            6 => format!("(has(order.rating) ? order.rating : {})", self.num(d)),
            7 => format!("(-{})", self.num_leaf()),
            8 => format!("{}({} / 2)", self.one_of(&["floor", "ceil", "round", "abs"]), self.num(d)),
            9 => format!("{}({}, {})", self.one_of(&["min", "max"]), self.num(d), self.num(d)),
            10 => format!("({} / max({}, 1))", self.num(d), self.num(d)),
            11 => {
                let by = self.num(d);
                format!("({by} != 0 ? {} / {by} : 1)", self.num(d))
            }
            12 => format!("order.rating.or({})", self.num(d)),
            13 => self.one_of(&[
                "params.rate[order.channel]",
                "params.rate.web",
                "wallets.points",
                "counters.spend.ago(2)",
            ]),
            14 => format!("params.rate[s + {}].or({})", self.text(d), self.num(d)),
            15 => format!("{}(params.bands, {})", self.one_of(&["band", "volume", "graduated"]), self.num(d)),
            16 => {
                format!("{}({})", self.one_of(&["days_since", "months_since", "years_since"]), self.date(d))
            }
            17 => format!("{}{}", self.date(d), self.one_of(&[".year", ".month", ".day"])),
            18 => self.each("sum", d),
            _ => self.each("count", d),
        }
    }

    fn num_leaf(&mut self) -> String {
        if let (Some(item), 0) = (self.local(Kind::Item), self.pick(2)) {
            return format!("{item}.{}", self.one_of(&["total", "quantity"]));
        }
        if let (Some(number), 0) = (self.local(Kind::Num), self.pick(2)) {
            return number;
        }
        self.one_of(&["0", "1", "2", "7", "a", "b", "c", "order.total"])
    }

    pub fn text(&mut self, depth: usize) -> String {
        if let (Some(item), 0) = (self.local(Kind::Item), self.pick(3)) {
            return format!("{item}.category");
        }
        if let (Some(text), 0) = (self.local(Kind::Text), self.pick(3)) {
            return text;
        }
        if depth == 0 {
            return self.one_of(&["\"\"", "\"app\"", "'tea'", "\"größer\"", "s", "t"]);
        }
        let d = depth - 1;
        match self.pick(if self.plain { 4 } else { 7 }) {
            0 => format!("({} + {})", self.text(d), self.text(d)),
            1 => format!("({} ? {} : {})", self.bool(d), self.text(d), self.text(d)),
            2 => format!("(has(order.note) ? order.note : {})", self.text(d)),
            3 => self.text(0),
            4 => format!("lower({})", self.text(d)),
            5 => format!("order.note.or({})", self.text(d)),
            _ => format!("(order.channel + {}.weekday)", self.date(d)),
        }
    }

    fn date(&mut self, depth: usize) -> String {
        match self.pick(if depth == 0 { 4 } else { 6 }) {
            0 => "today".into(),
            1 => "born".into(),
            2 => "date(\"2024-02-29\")".into(),
            3 => "now.date".into(),
            4 => format!("order.gift_on.or({})", self.date(depth - 1)),
            _ => format!("({} ? {} : {})", self.bool(depth - 1), self.date(depth - 1), self.date(depth - 1)),
        }
    }

    /// A list, and what it holds.
    fn list(&mut self, depth: usize) -> (String, Kind) {
        if let (Some(item), 0) = (self.local(Kind::Item), self.pick(3)) {
            return (format!("{item}.tags"), Kind::Text);
        }
        match self.pick(if depth == 0 { 3 } else { 7 }) {
            0 => ("xs".into(), Kind::Num),
            1 => ("ss".into(), Kind::Text),
            2 => ("order.items".into(), Kind::Item),
            3 => (format!("[{}, {}, 3]", self.num(depth - 1), self.num(depth - 1)), Kind::Num),
            4 => (format!("[{}, \"tea\"]", self.text(depth - 1)), Kind::Text),
            _ if self.locals.len() == 2 => ("xs".into(), Kind::Num),
            _ => {
                let (list, kind) = self.list(depth - 1);
                let body = |g: &mut Generator| g.bool(depth - 1);
                (self.within(&list, kind, "filter", body), kind)
            }
        }
    }

    fn within(
        &mut self,
        list: &str,
        kind: Kind,
        name: &str,
        body: impl Fn(&mut Generator) -> String,
    ) -> String {
        let variable = ["i", "j"][self.locals.len()].to_string();
        self.locals.push((variable.clone(), kind));
        let body = body(self);
        self.locals.pop();
        format!("{list}.{name}({variable}, {body})")
    }

    fn each(&mut self, name: &str, depth: usize) -> String {
        if self.locals.len() == 2 {
            return if matches!(name, "sum" | "count") { "1".into() } else { "p".into() };
        }
        let (list, kind) = self.list(depth);
        match name {
            "sum" => self.within(&list, kind, name, |g| g.num(depth.min(2))),
            _ => self.within(&list, kind, name, |g| g.bool(depth.min(2))),
        }
    }

    pub fn bool(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one_of(&["p", "q", "true", "false", "order.channel == \"web\"", "has(order.note)"]);
        }
        let d = depth - 1;
        match self.pick(if self.plain { 16 } else { 22 }) {
            0 | 1 => format!("({} && {})", self.bool(d), self.bool(d)),
            2 | 3 => format!("({} || {})", self.bool(d), self.bool(d)),
            4 => format!("!{}", self.bool(0).replace("order.channel == \"web\"", "p")),
            5 | 6 => {
                let op = self.one_of(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {op} {}", self.num(d), self.num(d))
            }
            7 => format!("{} {} {}", self.text(d), self.one_of(&["==", "!="]), self.text(d)),
            8 => {
                let test = self.one_of(&["startsWith", "endsWith", "contains"]);
                format!("({}).{test}({})", self.text(d), self.text(d))
            }
            9 => match self.list(d) {
                (list, Kind::Num) => format!("{} in {list}", self.num(d)),
                (list, Kind::Text) => format!("{} in {list}", self.text(d)),
                (list, Kind::Item) => format!("size({list}) > 2"),
            },
            10 | 11 => self.each("exists", d),
            12 => self.each("all", d),
            13 => format!("(has(order.rating) && (order.rating > {} || {}))", self.num(d), self.bool(d)),
            14 => format!("(!has(order.gift) || {} || order.gift.wrapped)", self.bool(d)),
            15 => format!(
                "(has(order.gift) ? has(order.gift.card) && order.gift.card == {} : {})",
                self.text(d),
                self.bool(d)
            ),
            16 => format!("{} {} {}", self.date(d), self.one_of(&["==", "<", ">="]), self.date(d)),
            17 => "order.channel in [\"app\", \"store\"]".into(),
            18 => format!("({} in params.rate ? params.rate[s].or(1) > 0 : true)", self.text(d)),
            19 => "(s in params.rate && params.rate[s] > 1)".into(),
            20 => format!("({} ? {} : {})", self.bool(d), self.bool(d), self.bool(d)),
            _ => format!("order.gift.wrapped.or({}) == {}", self.bool(d), self.one_of(&["p", "q"])),
        }
    }
}
