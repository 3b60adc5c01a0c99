import type { Vma } from './vma.js'

/**
 * The pages at which `vma` maps its file's pages `[first, end)`, as far as they are in `within`;
 * undefined if there are none, also because the mapping is gone.
 */
export function filePart(
  vma: Vma,
  first: number,
  end: number,
  within: readonly [number, number] = [0, Infinity],
): [from: number, to: number] | undefined {
  if (vma.fileEntry === undefined) return undefined
  const from = vma.start + Math.max(0, first - vma.pgoff)
  const to = vma.start + Math.min(vma.end - vma.start, end - vma.pgoff)
  const part: [number, number] = [Math.max(from, within[0]), Math.min(to, within[1])]
  return part[0] < part[1] ? part : undefined
}
