import { describe, expect, it } from "vitest";
import { parseLinks, readyLink, type LinkScope } from "./links.ts";

const scope: LinkScope = {
  variables: { host: { values: ["a b"], list: true }, gpu: { values: ["0", "1"], list: true, text: "All" } },
  from: "now-6h",
  to: "now",
};

function ready(json: object, over: Partial<LinkScope> = {}) {
  const [spec] = parseLinks([json]);
  return spec && readyLink(spec, { ...scope, ...over });
}

describe("a link of a dashboard", () => {
  it("hands the range and the variables on when its author says so", () => {
    const link = ready({ title: "Host", url: "/d/host/host", keepTime: true, includeVars: true });
    expect(link?.href).toBe("/d/host/host?from=now-6h&to=now&var-host=a%20b&var-gpu=$__all");
    expect(link?.inside).toBe(true);
  });

  it("adds to a query that is there, and keeps the fragment last", () => {
    expect(ready({ url: "/d/x?var-a=1#top", keepTime: true })?.href).toBe("/d/x?var-a=1&from=now-6h&to=now#top");
  });

  it("fills in variables, escaped for an address", () => {
    expect(ready({ url: "https://wiki/${host}" })?.href).toBe("https://wiki/a%20b");
  });

  it("fills in what belongs to a value", () => {
    const value = { raw: "0.5", text: "50%", name: "use", labels: { job: "a&b" }, fields: { Host: "n/1" } };
    const link = ready({ title: "${__value.text} of ${__field.labels.job}", url: '/d/host?var-host=${__data.fields["Host"]}&j=${__field.labels.job}&v=${__value.raw}' }, { value });
    expect(link?.href).toBe("/d/host?var-host=n%2F1&j=a%26b&v=0.5");
    expect(link?.title).toBe("50% of a&b");
  });

  it("is none when its address is no place to send a browser to", () => {
    for (const url of ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,x", "//elsewhere.example/x", "\\\\elsewhere", ""]) {
      expect(ready({ url }), url).toBeUndefined();
    }
  });

  it("is judged after its variables are filled in", () => {
    const variables = { evil: { values: ["javascript:alert(1)"] } };
    expect(ready({ url: "${evil}" }, { variables })).toBeUndefined();
  });
});
