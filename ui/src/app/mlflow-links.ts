const LINK = /^#\/experiments\/\d+(?:\/runs\/([0-9a-f]{32})(?:\/.*)?)?$/;

/** Where the links lead here that MLflow's clients print at the end of a run; they know MLflow's own pages only. */
export function placeOfMlflowLink(hash: string): string | undefined {
  const found = LINK.exec(hash);
  if (!found) return undefined;
  return found[1] === undefined ? "/training" : `/training/runs/${found[1]}`;
}
