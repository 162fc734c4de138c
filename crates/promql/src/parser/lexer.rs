//! Text to tokens, on demand. What a character means depends on whether braces or brackets are open.

use super::quote::{go_quote, go_quote_char, go_unicode};
use super::token::{Token, TokenKind, keyword};
use crate::ast::BinaryOp;

/// Text that is no token, and where it begins. Nothing after it is read.
#[derive(Debug)]
pub(crate) struct LexError {
    pub(crate) message: String,
    pub(crate) start: usize,
}

/// Inside brackets, what may come before the first number and after it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Closed,
    /// No number or string seen yet: only a duration may stand here.
    Opening,
    /// After the first number.
    Open,
}

/// Reads tokens from a query.
#[derive(Debug)]
pub(crate) struct Lexer<'q> {
    text: &'q str,
    pos: usize,
    start: usize,
    paren_depth: usize,
    in_braces: bool,
    bracket: Bracket,
    seen_colon: bool,
}

type Lexed = Result<Option<TokenKind>, LexError>;

impl<'q> Lexer<'q> {
    pub(crate) const fn new(text: &'q str) -> Self {
        Self {
            text,
            pos: 0,
            start: 0,
            paren_depth: 0,
            in_braces: false,
            bracket: Bracket::Closed,
            seen_colon: false,
        }
    }

    /// The next token; at the end, [`TokenKind::EndOfInput`] again and again.
    pub(crate) fn next_token(&mut self) -> Result<Token, LexError> {
        loop {
            self.start = self.pos;
            let kind = if self.in_braces {
                self.inside_braces()?
            } else if self.bracket == Bracket::Opening {
                self.inside_opening_bracket()?
            } else {
                self.statement()?
            };
            if let Some(kind) = kind {
                return Ok(Token { kind, start: self.start, end: self.pos });
            }
        }
    }

    /// Where reading stands; what follows was not looked at.
    pub(crate) const fn position(&self) -> usize {
        self.pos
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.pos..)?.chars().next()
    }

    fn peek_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: &[u8]) -> bool {
        let found = self.peek_byte().is_some_and(|byte| wanted.contains(&byte));
        self.pos += usize::from(found);
        found
    }

    fn skip_while(&mut self, test: impl Fn(u8) -> bool) {
        while self.peek_byte().is_some_and(&test) {
            self.pos += 1;
        }
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { message: message.into(), start: self.start })
    }

    /// An error after a token that was complete in itself.
    fn error_after<T>(&self, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { message: message.into(), start: self.pos })
    }

    fn skip_comment(&mut self) {
        self.skip_while(|byte| byte != b'\n' && byte != b'\r');
    }

    fn statement(&mut self) -> Lexed {
        use TokenKind::{Comma, EndOfInput, Equal, LeftBrace, Operator, RightBracket};
        let Some(c) = self.next() else {
            if self.paren_depth != 0 {
                return self.error("unclosed left parenthesis");
            }
            if self.bracket != Bracket::Closed {
                return self.error("unclosed left bracket");
            }
            return Ok(Some(EndOfInput));
        };
        let kind = match c {
            ' ' | '\t' | '\n' | '\r' => {
                self.skip_while(is_space);
                return Ok(None);
            }
            '#' => {
                self.skip_comment();
                return Ok(None);
            }
            ',' => Comma,
            '*' => Operator(BinaryOp::Mul),
            '/' => Operator(BinaryOp::Div),
            '%' => Operator(BinaryOp::Mod),
            '+' => Operator(BinaryOp::Add),
            '-' => Operator(BinaryOp::Sub),
            '^' => Operator(BinaryOp::Pow),
            '=' => match self.peek_byte() {
                Some(b'=') => {
                    self.pos += 1;
                    Operator(BinaryOp::Equal)
                }
                Some(b'~') => return self.error("unexpected character after '=': '~'"),
                _ => Equal,
            },
            '!' => match self.next() {
                Some('=') => Operator(BinaryOp::NotEqual),
                other => return self.error(format!("unexpected character after '!': {}", described(other))),
            },
            '<' if self.accept(b"=") => Operator(BinaryOp::LessOrEqual),
            '<' if self.accept(b"/") => Operator(BinaryOp::TrimUpper),
            '<' => Operator(BinaryOp::Less),
            '>' if self.accept(b"=") => Operator(BinaryOp::GreaterOrEqual),
            '>' if self.accept(b"/") => Operator(BinaryOp::TrimLower),
            '>' => Operator(BinaryOp::Greater),
            '0'..='9' => return self.number_or_duration(),
            '.' if self.peek_byte().is_some_and(|byte| byte.is_ascii_digit()) => {
                return self.number_or_duration();
            }
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                if self.bracket == Bracket::Closed {
                    return Ok(Some(self.word()));
                }
                return self.word_in_bracket(c);
            }
            '(' => {
                self.paren_depth += 1;
                TokenKind::LeftParen
            }
            ')' => return self.right_paren(),
            '{' => {
                self.in_braces = true;
                LeftBrace
            }
            '[' => {
                if self.bracket != Bracket::Closed {
                    return self.error("unexpected left bracket '['");
                }
                self.bracket = Bracket::Opening;
                self.seen_colon = false;
                TokenKind::LeftBracket
            }
            ']' => {
                if self.bracket == Bracket::Closed {
                    return self.error("unexpected right bracket ']'");
                }
                self.bracket = Bracket::Closed;
                RightBracket
            }
            '@' => TokenKind::At,
            other => return self.error(format!("unexpected character: {}", go_quote_char(other))),
        };
        Ok(Some(kind))
    }

    fn right_paren(&mut self) -> Lexed {
        let Some(depth) = self.paren_depth.checked_sub(1) else {
            return self.error_after("unexpected right parenthesis ')'");
        };
        self.paren_depth = depth;
        Ok(Some(TokenKind::RightParen))
    }

    /// After the first number in brackets, the only words are those of duration expressions.
    fn word_in_bracket(&mut self, first: char) -> Lexed {
        if first == ':' {
            if self.seen_colon {
                return self.error("unexpected colon ':'");
            }
            self.seen_colon = true;
            return Ok(Some(TokenKind::Colon));
        }
        match self.duration_word() {
            Some(kind) => Ok(Some(kind)),
            None => self.error(format!("unexpected character: {}, expected ':'", go_quote_char(first))),
        }
    }

    fn inside_opening_bracket(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return self.error("unexpected end of input in duration expression");
        };
        let kind = match c {
            ' ' | '\t' | '\n' | '\r' => {
                self.skip_while(is_space);
                return Ok(None);
            }
            ']' => {
                self.bracket = Bracket::Closed;
                TokenKind::RightBracket
            }
            // A colon after `step()` alone is fine for the grammar, but Prometheus wants a number first.
            ':' => return self.error_after("unexpected colon before duration in duration expression"),
            '(' => {
                self.paren_depth += 1;
                TokenKind::LeftParen
            }
            ')' => return self.right_paren(),
            '+' => TokenKind::Operator(BinaryOp::Add),
            '-' => TokenKind::Operator(BinaryOp::Sub),
            '*' => TokenKind::Operator(BinaryOp::Mul),
            '/' => TokenKind::Operator(BinaryOp::Div),
            '%' => TokenKind::Operator(BinaryOp::Mod),
            '^' => TokenKind::Operator(BinaryOp::Pow),
            ',' => TokenKind::Comma,
            '0'..='9' => {
                self.bracket = Bracket::Open;
                return self.number_or_duration();
            }
            '.' if self.peek_byte().is_some_and(|byte| byte.is_ascii_digit()) => {
                self.bracket = Bracket::Open;
                return self.number_or_duration();
            }
            other => {
                let word = if other.is_ascii_alphabetic() { self.duration_word() } else { None };
                match word {
                    Some(kind) => kind,
                    None => {
                        return self.error(format!(
                            "unexpected character in duration expression: {}",
                            go_quote_char(other)
                        ));
                    }
                }
            }
        };
        Ok(Some(kind))
    }

    /// `step`, `range`, `min_of` or `max_of`, whose first letter is read already.
    fn duration_word(&mut self) -> Option<TokenKind> {
        self.skip_while(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let word = self.text.get(self.start..self.pos)?;
        if word.eq_ignore_ascii_case("min_of") || word.eq_ignore_ascii_case("max_of") {
            return Some(TokenKind::Identifier);
        }
        let known = word.eq_ignore_ascii_case("step") || word.eq_ignore_ascii_case("range");
        if known { keyword(word) } else { None }
    }

    fn inside_braces(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return self.error("unexpected end of input inside braces");
        };
        let kind = match c {
            ' ' | '\t' | '\n' | '\r' => {
                self.skip_while(is_space);
                return Ok(None);
            }
            '#' => {
                self.skip_comment();
                return Ok(None);
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                self.skip_while(is_word);
                TokenKind::Identifier
            }
            ',' => TokenKind::Comma,
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            '=' if self.accept(b"~") => TokenKind::EqualRegex,
            '=' => TokenKind::Equal,
            '!' => match self.next() {
                Some('~') => TokenKind::NotEqualRegex,
                Some('=') => TokenKind::Operator(BinaryOp::NotEqual),
                other => {
                    let found = described(other);
                    return self.error(format!("unexpected character after '!' inside braces: {found}"));
                }
            },
            '{' => return self.error("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                TokenKind::RightBrace
            }
            other => {
                return self.error(format!("unexpected character inside braces: {}", go_quote_char(other)));
            }
        };
        Ok(Some(kind))
    }

    fn word(&mut self) -> TokenKind {
        self.skip_while(|byte| is_word(byte) || byte == b':');
        let word = self.text.get(self.start..self.pos).unwrap_or("");
        match keyword(word) {
            // Metrics may be called `fill`: only a parenthesis after it makes it a modifier.
            Some(TokenKind::Keyword(
                super::token::Keyword::Fill
                | super::token::Keyword::FillLeft
                | super::token::Keyword::FillRight,
            )) if !self.parenthesis_follows() => TokenKind::Identifier,
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        }
    }

    fn parenthesis_follows(&self) -> bool {
        let rest = self.text.get(self.pos..).unwrap_or("");
        rest.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    fn number_or_duration(&mut self) -> Lexed {
        self.pos = self.start;
        if self.scan_number() {
            return Ok(Some(TokenKind::Number));
        }
        if self.scan_rest_of_duration() {
            return Ok(Some(TokenKind::Duration));
        }
        let text = self.text.get(self.start..self.pos).unwrap_or("");
        self.error(format!("bad number or duration syntax: {}", go_quote(text)))
    }

    /// Reads a number's characters; whether they make a number is seen later. On `false` it has read up to the
    /// character that cannot be.
    fn scan_number(&mut self) -> bool {
        let begin = self.pos;
        let is_hex = self.accept(b"0") && self.accept(b"xX");
        if is_hex {
            self.accept(b"_");
        }
        let is_digit = |byte: u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        self.accept(b".");
        if self.peek_byte().is_some_and(is_digit) {
            self.pos += 1;
        }
        let mut seen_dot = false;
        let mut seen_exponent = false;
        while let Some(byte) = self.peek_byte() {
            match byte {
                b'.' => {
                    self.pos += 1;
                    if seen_dot || self.accept(b"_.") || is_hex {
                        return false;
                    }
                    seen_dot = true;
                }
                b'e' | b'E' => {
                    self.pos += 1;
                    if seen_exponent {
                        return false;
                    }
                    seen_exponent = true;
                    self.accept(b"+-");
                    if self.accept(b"._eE") || self.peek_byte().is_none() {
                        return false;
                    }
                }
                b'_' => {
                    self.pos += 1;
                    if self.accept(b"._eE") || self.peek_byte().is_none() {
                        return false;
                    }
                }
                _ if is_digit(byte) => self.skip_while(is_digit),
                _ => break,
            }
        }
        self.pos > begin && !self.peek_byte().is_some_and(is_word)
    }

    fn scan_rest_of_duration(&mut self) -> bool {
        if !self.accept(b"smhdwy") {
            return false;
        }
        self.accept(b"s");
        while self.accept(b"0123456789") {
            self.skip_while(|byte| byte.is_ascii_digit());
            if !self.accept(b"smhdw") {
                return false;
            }
            self.accept(b"s");
        }
        match self.peek() {
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                // The error text shows the character that is too much.
                self.pos += c.len_utf8();
                false
            }
            _ => true,
        }
    }

    fn string(&mut self, quote: char) -> Lexed {
        loop {
            match self.next() {
                Some('\\') => self.escape(quote)?,
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune"),
                None | Some('\n') => return self.error("unterminated quoted string"),
                Some(c) if c == quote => return Ok(Some(TokenKind::String)),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Lexed {
        loop {
            match self.next() {
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune"),
                None => return self.error("unterminated raw string"),
                Some('`') => return Ok(Some(TokenKind::String)),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), LexError> {
        const UNTERMINATED: &str = "escape sequence not terminated";
        let Some(c) = self.next() else { return self.error(UNTERMINATED) };
        let (digits, radix, first) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if c == quote => return Ok(()),
            '0'..='7' => (3, 8, Some(c)),
            'x' => (2, 16, self.next()),
            'u' => (4, 16, self.next()),
            'U' => (8, 16, self.next()),
            _ => return self.error(format!("unknown escape sequence {}", go_unicode(c))),
        };
        let mut code: u64 = 0;
        let mut current = first;
        for index in 0..digits {
            if index > 0 {
                current = self.next();
            }
            let Some(c) = current else { return self.error(UNTERMINATED) };
            let Some(digit) = c.to_digit(radix) else {
                return self.error(format!("illegal character {} in escape sequence", go_unicode(c)));
            };
            code = code * u64::from(radix) + u64::from(digit);
        }
        let largest = if digits <= 3 { 255 } else { u64::from(u32::from(char::MAX)) };
        if code > largest || (0xd800..0xe000).contains(&code) {
            return self.error("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }
}

fn described(c: Option<char>) -> String {
    // Go prints its end-of-file rune (-1) as the replacement character.
    go_quote_char(c.unwrap_or(char::REPLACEMENT_CHARACTER))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
