import { pageFrame, virtualAddress, type FaultedPages, type VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { DeviceTable } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'

/** Pages of a huge page. */
const HUGE = 512

/** Installs the pages from `first` on, as large as the CPU maps them. */
type Variant = (
  table: DeviceTable,
  window: VirtualRange,
  first: number,
  pages: FaultedPages,
) => void

const faulty: Variant = (table, window, first, pages) => {
  for (let at = first; at < window.pages;) {
    const size = 2 ** pages.order(at)
    installRun(table, window, at, size, pages)
    at += size
  }
}

const fixed: Variant = (table, window, first, pages) => {
  for (let at = first; at < window.pages;) {
    const size = 2 ** pages.order(at) - ((window.startPage + at) % 2 ** pages.order(at))
    installRun(table, window, at, size, pages)
    at += size
  }
}

/** Frames of one block follow each other, so only the first is asked for. */
function installRun(
  table: DeviceTable,
  window: VirtualRange,
  at: number,
  size: number,
  pages: FaultedPages,
): void {
  const frame = Number(pages.frame(at))
  const run = window.slice(at, Math.min(size, window.pages - at))
  table.install(
    run,
    Array.from({ length: run.pages }, (_, page) => ({
      frame: pageFrame(frame + page),
      writable: false,
    })),
  )
}

export default defineBug<Variant>({
  id: 'order-beyond-range',
  about:
    'The order of a page says how large the mapping of the CPU is, not how much of it is ' +
    'left from ' +
    'this page on. A driver that starts in the middle of a huge page maps memory behind its end.',
  upstream: {
    subject: 'drm/gpusvm: fix hmm_pfn_to_map_order() usage',
    commit: 'c50729c68aaf',
  },
  adapted:
    'The API clips the order of a page to the range that was faulted; what is left to get wrong' +
    ' is to begin in the middle of a block.',
  level: 'range fault',
  mirror: {
    answer: 'impossible by construction',
    because:
      'the driver is given runs of pages that were mapped one by one; no order is multiplied',
    evidence: ['case:mirror/map/runs-cover-all-pages'],
  },
  simulation: { thp: 'always' },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async (scene) => {
      const { device, space } = scene
      // A huge page, and behind it pages that do not follow each other.
      const at = virtualAddress(0x4000_0000n)
      const buffer = await space.mmap({ pages: HUGE + 2, at })
      for (const page of [HUGE + 1, HUGE, 0]) {
        await space.write(buffer.page(page).start, new Uint8Array([1]))
      }
      const table = new DeviceTable(scene)
      const notifier = await device.notifier(space, buffer, {
        invalidate: ({ range }) => table.clear(range),
      })
      await world.race({
        driver: async () => {
          await notifier.faultAndCommit(buffer, { request: 'read' }, (pages) =>
            variant(table, buffer, HUGE - 1, pages),
          )
          for (const page of [HUGE - 1, HUGE]) await table.access(buffer.page(page), 'read')
        },
        cpu: () => space.mprotect(buffer.page(HUGE + 1), 'r'),
      })
      await notifier.close()
    }),
})
