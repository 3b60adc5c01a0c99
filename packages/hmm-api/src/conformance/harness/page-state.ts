import type { FaultedPages } from '../../objects/faulted-pages.js'

/** What a range fault says about one page, in a word. */
export type PageState = 'none' | 'read' | 'write' | 'error' | 'device-read' | 'device-write'

/** The states of all pages; to be called inside a commit. */
export function pageStates(pages: FaultedPages): PageState[] {
  return Array.from({ length: pages.range.pages }, (_, index): PageState => {
    if (pages.error(index)) return 'error'
    if (!pages.valid(index)) return 'none'
    const right = pages.writable(index) ? 'write' : 'read'
    return pages.isDevice(index) ? `device-${right}` : right
  })
}
