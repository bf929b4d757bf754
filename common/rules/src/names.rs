//! Closed sets of names: one macro, so that code, JSON and database columns can't drift apart.

/// Longest foreign text that a refusal repeats, in characters.
const QUOTED_MAX_CHARS: usize = 60;

/// A foreign text, fit to stand in a one-line reason: in back quotes, escaped, cut.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(QUOTED_MAX_CHARS).collect();
    if text.escape_debug().nth(QUOTED_MAX_CHARS).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// An enum whose every variant has one text, the same in messages, in the database and for people.
macro_rules! names {
    ($(#[$meta:meta])* $vis:vis enum $name:ident: $what:literal { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every one there is, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it is written in messages, in the database and for people.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ids::InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::ids::InvalidName(format!(
                        concat!("{} is no ", $what, ": known are {}"),
                        $crate::names::quoted(text),
                        [$($text,)+].join(", "),
                    ))),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;

                impl serde::de::Visitor<'_> for Name {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a ", $what))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Name)
            }
        }
    };
}

pub(crate) use names;

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_foreign_text_is_shown_on_one_line_and_cut() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(60)), format!("`{}`", "x".repeat(60)));
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
    }
}
