/** The middle of `values`, which are sorted by it; the upper one of an even number. */
export function median(values) {
  return values.sort((a, b) => a - b)[values.length >>> 1]
}
