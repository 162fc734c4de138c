/** The two palettes; which one is in force is written on `<html data-theme>`. */
export type Theme = "dark" | "light";

/**
 * Series colours, in the order they are given out. Each keeps 3:1 against its theme's panel background, and
 * neighbours differ in lightness as well as in hue.
 */
const SERIES: Readonly<Record<Theme, readonly string[]>> = {
  dark: ["#5b9dff", "#f28a3c", "#48c78e", "#d38cf0", "#e8c547", "#41c7d9", "#f0718a", "#9ccb4e", "#a496ff", "#d9a27a", "#7fb2c9", "#e58fc0"],
  light: ["#1f66d1", "#b9530a", "#14804f", "#8b3fb5", "#8a6a00", "#0b7a8a", "#c0304f", "#4f7a12", "#5b49c9", "#8c5a35", "#3a6d86", "#a83c7d"],
};

/** Grafana's named hues: super-light, light, plain, semi-dark, dark, from the plain one. */
const HUES: Readonly<Record<Theme, Readonly<Record<string, string>>>> = {
  dark: { green: "#48b46e", yellow: "#e0b92e", orange: "#f2913c", red: "#ef5a63", blue: "#5b9dff", purple: "#b58af0" },
  light: { green: "#1a7f42", yellow: "#8f6b00", orange: "#b9530a", red: "#c62f3d", blue: "#1f66d1", purple: "#7a45b8" },
};

const TEXT: Readonly<Record<Theme, string>> = { dark: "#d7dde6", light: "#1d2530" };

const SHADES: Readonly<Record<string, number>> = { "super-light": 0.45, light: 0.22, "semi-dark": -0.14, dark: -0.28 };

/** The colour of the `index`-th series. */
export function seriesColor(index: number, theme: Theme): string {
  const palette = SERIES[theme];
  return palette[index % palette.length] ?? palette[0] ?? "#888888";
}

/** The dash of the `index`-th series: solid until the palette has been used up once. */
export function seriesDash(index: number): number[] | undefined {
  return [undefined, [6, 3], [2, 2], [8, 3, 2, 3]][Math.floor(index / 12) % 4];
}

/** Turns a colour of a dashboard file, a Grafana name or any CSS colour, into one that fits the theme. */
export function resolveColor(name: string | undefined, theme: Theme): string {
  if (!name || name === "text" || name === "transparent") return TEXT[theme];
  const hue = HUES[theme][name];
  if (hue) return hue;
  const shade = /^(super-light|light|semi-dark|dark)-(\w+)$/.exec(name);
  const base = HUES[theme][shade?.[2] ?? ""];
  if (base) return shadeOf(base, SHADES[shade?.[1] ?? ""] ?? 0);
  if (/^(#[0-9a-f]{3,8}|rgba?\([\d\s.,%/]+\)|hsla?\([\d\s.,%/deg]+\)|[a-z]+)$/i.test(name)) return name;
  return TEXT[theme];
}

/** The colour with an opacity from 0 to 1; only of `#rrggbb` and named results of {@link resolveColor}. */
export function withAlpha(color: string, alpha: number): string {
  const hex = /^#([0-9a-f]{6})/i.exec(color)?.[1];
  if (!hex) return `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
  return `#${hex}${Math.round(Math.min(1, Math.max(0, alpha)) * 255).toString(16).padStart(2, "0")}`;
}

function shadeOf(hex: string, amount: number): string {
  const target = amount > 0 ? 255 : 0;
  const share = Math.abs(amount);
  const channels = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16);
    return Math.round(channel + (target - channel) * share).toString(16).padStart(2, "0");
  });
  return `#${channels.join("")}`;
}

/** Black or white, whichever is read better on the colour. */
export function readableOn(color: string): string {
  const hex = /^#([0-9a-f]{6})/i.exec(color)?.[1];
  if (!hex) return "#ffffff";
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.2 ? "#0b0e13" : "#ffffff";
}
