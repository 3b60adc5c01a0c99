import { shown } from '../error/shown.js'

/** Sizes of huge pages that can be reserved (hugetlb). */
export type HugePageSize = '2M' | '1G'

const SHIFTS: Readonly<Record<HugePageSize, number>> = { '2M': 21, '1G': 30 }

/** log2 of its bytes, 0 for undefined; TypeError for what is no size. */
export function hugePageShift(size: HugePageSize | undefined): number {
  if (size === undefined) return 0
  const shift = Object.hasOwn(SHIFTS, size) ? SHIFTS[size] : undefined
  if (shift === undefined) throw new TypeError(`hugetlb ${shown(size)} is not '2M' or '1G'`)
  return shift
}

/** RangeError unless each of `places`, in ordinary pages, is a number of whole huge pages. */
export function checkHugePages(
  size: HugePageSize,
  pageShift: number,
  places: Readonly<Record<string, number | undefined>>,
): void {
  const pages = 2 ** (hugePageShift(size) - pageShift)
  for (const [name, value] of Object.entries(places)) {
    if (value === undefined || value % pages === 0) continue
    throw new RangeError(
      `${name}: ${value} pages are not whole huge pages of ${size}, which are ${pages} pages each`,
    )
  }
}
