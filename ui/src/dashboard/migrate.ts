import { asArray, asNumber, asObject, asText, type Json } from "./json.ts";

/** Gives panels of before Grafana 7.4 (`graph`, `singlestat`, old tables) the shape of today's. */
export function migratePanel(panel: Json): Json {
  switch (panel["type"]) {
    case "graph":
      return fromGraph(panel);
    case "singlestat":
      return fromSinglestat(panel);
    case "grafana-piechart-panel":
      return { ...panel, type: "piechart" };
    case "table-old":
      return { ...panel, type: "table" };
    default:
      return panel;
  }
}

function fromGraph(panel: Json): Json {
  const yaxis = asObject(asArray(panel["yaxes"])[0]);
  const legend = asObject(panel["legend"]);
  const calcs = Object.entries({ min: "min", max: "max", avg: "mean", current: "lastNotNull", total: "sum" })
    .filter(([old]) => legend[old] === true)
    .map(([, calc]) => calc);
  const negative = asArray(panel["seriesOverrides"])
    .map(asObject)
    .filter((override) => override["transform"] === "negative-Y")
    .map((override) => aliasOverride(asText(override["alias"]), [{ id: "custom.transform", value: "negative-Y" }]));
  return {
    ...panel,
    type: "timeseries",
    options: {
      legend: {
        showLegend: legend["show"] !== false,
        displayMode: legend["alignAsTable"] === true ? "table" : "list",
        placement: legend["rightSide"] === true ? "right" : "bottom",
        calcs: legend["values"] === true ? calcs : [],
      },
      tooltip: { mode: "multi" },
    },
    fieldConfig: {
      defaults: {
        unit: asText(yaxis["format"]),
        min: asNumber(yaxis["min"]),
        max: asNumber(yaxis["max"]),
        decimals: asNumber(panel["decimals"]),
        custom: {
          drawStyle: panel["bars"] === true ? "bars" : panel["lines"] === false ? "points" : "line",
          lineInterpolation: panel["steppedLine"] === true ? "stepAfter" : "linear",
          lineWidth: asNumber(panel["linewidth"]) ?? 1,
          fillOpacity: (asNumber(panel["fill"]) ?? 1) * 10,
          showPoints: panel["points"] === true ? "always" : "never",
          spanNulls: panel["nullPointMode"] === "connected",
          stacking: { mode: panel["stack"] === true ? (panel["percentage"] === true ? "percent" : "normal") : "none" },
          scaleDistribution: (asNumber(yaxis["logBase"]) ?? 1) > 1 ? { type: "log", log: asNumber(yaxis["logBase"]) } : undefined,
        },
      },
      overrides: negative,
    },
  };
}

function aliasOverride(alias: string, properties: Json[]): Json {
  return alias.startsWith("/")
    ? { matcher: { id: "byRegexp", options: alias }, properties }
    : { matcher: { id: "byName", options: alias }, properties };
}

const SINGLESTAT_CALCS: Readonly<Record<string, string>> = {
  avg: "mean",
  current: "lastNotNull",
  min: "min",
  max: "max",
  total: "sum",
  first: "first",
  delta: "delta",
  range: "range",
};

function fromSinglestat(panel: Json): Json {
  const gauge = asObject(panel["gauge"]);
  const colors = asArray(panel["colors"]).map((color) => asText(color));
  const limits = asText(panel["thresholds"])
    .split(",")
    .map((limit) => asNumber(limit))
    .filter((limit) => limit !== undefined);
  const colored = panel["colorValue"] === true || panel["colorBackground"] === true;
  return {
    ...panel,
    type: gauge["show"] === true ? "gauge" : "stat",
    options: {
      reduceOptions: { calcs: [SINGLESTAT_CALCS[asText(panel["valueName"])] ?? "lastNotNull"] },
      graphMode: asObject(panel["sparkline"])["show"] === true ? "area" : "none",
      colorMode: panel["colorBackground"] === true ? "background" : colored ? "value" : "none",
    },
    fieldConfig: {
      defaults: {
        unit: asText(panel["format"]),
        decimals: asNumber(panel["decimals"]),
        min: asNumber(gauge["minValue"]),
        max: asNumber(gauge["maxValue"]),
        mappings: asArray(panel["valueMaps"]).map((entry) => {
          const map = asObject(entry);
          return { type: 1, value: map["value"], text: map["text"] };
        }),
        thresholds: {
          mode: "absolute",
          steps: [{ value: null, color: colors[0] ?? "text" }, ...limits.map((value, index) => ({ value, color: colors[index + 1] ?? "red" }))],
        },
      },
      overrides: [],
    },
  };
}
