import type { DmaMapping } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** Uses a mapping and undoes it, whether that worked or not. */
type Variant = (mapping: DmaMapping, use: () => Promise<void>) => Promise<void>

const faulty: Variant = async (mapping, use) => {
  try {
    await use()
  } catch {
    mapping.unmap()
  }
  mapping.unmap()
}

const fixed: Variant = async (mapping, use) => {
  try {
    await use()
  } catch {
    // The mapping is undone below in any case.
  }
  mapping.unmap()
}

export default defineBug<Variant>({
  id: 'double-unpin',
  about: 'A failure path unpins what the common exit unpins again.',
  upstream: {
    subject: 'RDMA/umem: Fix double dma_buf_unpin in failure path',
    release: '6.12.85',
  },
  level: 'mapping',
  mirror: {
    answer: 'caught by a checker',
    because:
      'the second unmap fails with EINVAL and is reported; mirrored ranges have none to repeat',
    evidence: ['case:dma/misuse/unmap-twice'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, control }) => {
      const page = await device.dma.allocBuffer({ bytes: 4096, name: 'page' })
      const mapping = device.dma.map(page, { direction: 'from-device' })
      await world.race({
        driver: () =>
          variant(mapping, () => device.engine.write(mapping.address, new Uint8Array(8))),
        bus: () => device.sync.mutex('bus').run(() => control.failNext('transfer')),
      })
      await page.close()
    }),
})
