/** The folder the page is served from; the server writes it into `<base href>` when it sits behind a prefix. */
export function baseUrl(): string {
  return typeof document === "undefined" ? "http://localhost/" : document.baseURI;
}

/** The path of {@link baseUrl} without its closing slash, as the router wants it. */
export function routerBase(): string {
  return new URL(baseUrl()).pathname.replace(/\/[^/]*$/, "");
}

/** The address of something the server answers, given without a leading slash. */
export function serverUrl(path: string): string {
  return new URL(path, baseUrl()).toString();
}
