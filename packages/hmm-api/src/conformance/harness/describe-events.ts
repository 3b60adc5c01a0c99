import type { VirtualRange } from '../../address/virtual-range.js'
import type { InvalidateEvent } from '../../objects/invalidate-event.js'

/**
 * Events as sets of pages by kind, such as `['unmap 1-2', 'self-migrate 0,3']`: how many events a
 * backend makes of one operation is its own business, which pages are concerned is not.
 */
export function describeEvents(events: readonly InvalidateEvent[], whole: VirtualRange): string[] {
  const kinds = new Map<string, Set<number>>()
  for (const event of events) {
    const kind = event.self ? `self-${event.kind}` : event.kind
    const pages = kinds.get(kind) ?? new Set()
    kinds.set(kind, pages)
    const first = whole.indexOf(event.range)
    for (let index = first; index < first + event.range.pages; index++) pages.add(index)
  }
  return [...kinds].map(([kind, pages]) => `${kind} ${runs(pages)}`)
}

function runs(pages: ReadonlySet<number>): string {
  const parts: string[] = []
  const sorted = [...pages].sort((a, b) => a - b)
  for (let at = 0; at < sorted.length;) {
    const first = sorted[at] as number
    let length = 1
    while (sorted[at + length] === first + length) length += 1
    parts.push(length === 1 ? `${first}` : `${first}-${first + length - 1}`)
    at += length
  }
  return parts.join(',')
}
