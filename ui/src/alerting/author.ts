const AUTHOR_KEY = "watchfire.author";

/** The name this person gave last, so that it is asked for once. */
export function readAuthor(): string {
  try {
    return window.localStorage.getItem(AUTHOR_KEY) ?? "";
  } catch {
    return "";
  }
}

export function storeAuthor(author: string) {
  try {
    window.localStorage.setItem(AUTHOR_KEY, author);
  } catch {
    // Without storage the name is asked for again.
  }
}
