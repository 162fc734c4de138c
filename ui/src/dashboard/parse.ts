import { asArray, asNumber, asObject, asText, type Json } from "./json.ts";
import { parseAnnotations } from "./annotations.ts";
import { parseLinks } from "./links.ts";
import { migratePanel } from "./migrate.ts";
import type { Dashboard, GridPos, Panel, Section, Target, Transformation, Variable } from "./model.ts";

/**
 * Reads a dashboard file of Grafana's classic form, alone, in the wrapper of its API, or as a version 1 resource.
 * Reading is lenient: what is missing gets the author's likely meaning, what is unknown is left alone.
 */
export function parseDashboard(file: unknown): Dashboard {
  const outer = asObject(file);
  const json = outer["dashboard"] ? asObject(outer["dashboard"]) : outer["spec"] ? asObject(outer["spec"]) : outer;
  const time = asObject(json["time"]);
  return {
    uid: asText(json["uid"]),
    title: asText(json["title"], "Untitled dashboard"),
    description: asText(json["description"]),
    tags: asArray(json["tags"]).map((tag) => asText(tag)),
    time: { from: asText(time["from"], "now-1h"), to: asText(time["to"], "now") },
    refresh: asText(json["refresh"]),
    timezone: asText(json["timezone"]),
    sharedCrosshair: (asNumber(json["graphTooltip"]) ?? 0) > 0,
    variables: asArray(asObject(json["templating"])["list"]).map((entry) => parseVariable(asObject(entry))),
    links: parseLinks(json["links"]),
    annotations: parseAnnotations(asObject(json["annotations"])["list"]),
    sections: parseSections(json),
  };
}

function parseSections(json: Json): Section[] {
  const entries = json["panels"] ? asArray(json["panels"]).map(asObject) : legacyRows(asArray(json["rows"]).map(asObject));
  const sections: Section[] = [{ id: 0, title: undefined, collapsed: false, repeat: undefined, panels: [] }];
  // Old exports hold the copies of repeated panels too, as they were at that time.
  const inOrder = entries.filter((entry) => asNumber(entry["repeatPanelId"]) === undefined).sort((a, b) => order(a) - order(b));
  for (const entry of inOrder) {
    if (entry["type"] !== "row") {
      sections.at(-1)?.panels.push(parsePanel(entry, sections.length * 1000));
      continue;
    }
    const collapsed = entry["collapsed"] === true;
    sections.push({
      id: asNumber(entry["id"]) ?? sections.length,
      title: asText(entry["title"], "Row"),
      collapsed,
      repeat: asText(entry["repeat"]) || undefined,
      panels: asArray(entry["panels"]).map((panel) => parsePanel(asObject(panel), sections.length * 1000)),
    });
  }
  return sections.filter((section) => section.title !== undefined || section.panels.length > 0);
}

/** Panels are read top to bottom, left to right; the file may hold them in any order. */
function order(entry: Json): number {
  const pos = asObject(entry["gridPos"]);
  return (asNumber(pos["y"]) ?? 0) * 100 + (asNumber(pos["x"]) ?? 0);
}

/** Before version 16 a dashboard was a list of rows, each of twelve columns and a height in pixels. */
function legacyRows(rows: Json[]): Json[] {
  const entries: Json[] = [];
  let y = 0;
  for (const row of rows) {
    const pixels = asNumber(String(row["height"] ?? "250").replace("px", "")) ?? 250;
    const height = Math.max(3, Math.round(pixels / 30));
    if (row["title"] && row["showTitle"] !== false) {
      entries.push({ type: "row", title: row["title"], collapsed: false, repeat: row["repeat"], gridPos: { x: 0, y, w: 24, h: 1 } });
      y += 1;
    }
    let x = 0;
    for (const panel of asArray(row["panels"]).map(asObject)) {
      const width = Math.min(24, (asNumber(panel["span"]) ?? 12) * 2);
      if (x + width > 24) {
        x = 0;
        y += height;
      }
      entries.push({ ...panel, gridPos: { x, y, w: width, h: height } });
      x += width;
    }
    y += height;
  }
  return entries;
}

function parsePanel(original: Json, fallbackId: number): Panel {
  const json = migratePanel(original);
  const fieldConfig = asObject(json["fieldConfig"]);
  const targets = asArray(json["targets"]).map((target, index) => parseTarget(asObject(target), index));
  return {
    id: asNumber(json["id"]) ?? fallbackId + order(json),
    type: asText(json["type"], "unknown"),
    title: asText(json["title"]),
    description: asText(json["description"]),
    gridPos: parseGridPos(asObject(json["gridPos"])),
    targets,
    defaults: asObject(fieldConfig["defaults"]),
    overrides: asArray(fieldConfig["overrides"]).map((entry) => {
      const override = asObject(entry);
      const matcher = asObject(override["matcher"]);
      return {
        matcher: { id: asText(matcher["id"]), options: matcher["options"] },
        properties: asArray(override["properties"]).map((property) => ({
          id: asText(asObject(property)["id"]),
          value: asObject(property)["value"],
        })),
      };
    }),
    options: asObject(json["options"]),
    transformations: asArray(json["transformations"]).map((entry): Transformation => {
      const transformation = asObject(entry);
      return {
        id: asText(transformation["id"]),
        options: asObject(transformation["options"]),
        disabled: transformation["disabled"] === true,
      };
    }),
    interval: asText(json["interval"]),
    maxDataPoints: asNumber(json["maxDataPoints"]),
    foreignSource: foreignSource(json),
    repeat: asText(json["repeat"]) || undefined,
    repeatDirection: json["repeatDirection"] === "v" ? "v" : "h",
    links: parseLinks(json["links"]),
    maxPerRow: Math.min(24, Math.max(1, asNumber(json["maxPerRow"]) ?? 4)),
  };
}

function parseGridPos(json: Json): GridPos {
  const w = Math.min(24, Math.max(1, asNumber(json["w"]) ?? 12));
  return {
    x: Math.min(24 - w, Math.max(0, asNumber(json["x"]) ?? 0)),
    y: Math.max(0, asNumber(json["y"]) ?? 0),
    w,
    h: Math.max(1, asNumber(json["h"]) ?? 8),
  };
}

function parseTarget(json: Json, index: number): Target {
  const format = asText(json["format"]);
  return {
    refId: asText(json["refId"]) || String.fromCharCode(65 + index),
    expr: asText(json["expr"]),
    legendFormat: asText(json["legendFormat"]),
    instant: json["instant"] === true && json["range"] !== true,
    format: format === "table" || format === "heatmap" ? format : "time_series",
    interval: asText(json["interval"]),
    hide: json["hide"] === true,
  };
}

const METRIC_SOURCES = /^(prometheus|victoriametrics-metrics-datasource|datasource|grafana|mixed|)$/;

/** A panel of a log, trace or SQL source cannot be drawn here; a source given by name or variable is taken as ours. */
function foreignSource(json: Json): string | undefined {
  const types = [json, ...asArray(json["targets"]).map(asObject)].map((entry) => asText(asObject(entry["datasource"])["type"]));
  return types.find((type) => !METRIC_SOURCES.test(type) && !type.startsWith("$"));
}

function parseVariable(json: Json): Variable {
  const current = asObject(json["current"])["value"];
  const query = json["query"];
  return {
    name: asText(json["name"]),
    label: asText(json["label"]) || asText(json["name"]),
    type: asText(json["type"], "custom"),
    hide: asNumber(json["hide"]) ?? 0,
    query: typeof query === "object" ? asText(asObject(query)["query"]) : asText(query),
    regex: asText(json["regex"]),
    multi: json["multi"] === true,
    includeAll: json["includeAll"] === true,
    allValue: asText(json["allValue"]) || undefined,
    sort: asNumber(json["sort"]) ?? 0,
    current: (Array.isArray(current) ? current : [current]).map((value) => asText(value)).filter((value) => value !== ""),
    options: asArray(json["options"])
      .map((option) => asText(asObject(option)["value"]))
      .filter((value) => value !== "" && value !== "$__all"),
  };
}
