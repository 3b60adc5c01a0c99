import type { DmaMapping, HostBuffer } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** Ends a migration whose copy failed. */
type Variant = (page: HostBuffer, mapping: DmaMapping) => Promise<void>

const faulty: Variant = async (page, mapping) => {
  await page.close()
  mapping.unmap()
}

const fixed: Variant = async (page, mapping) => {
  mapping.unmap()
  await page.close()
}

export default defineBug<Variant>({
  id: 'free-before-unmap',
  about:
    'After a failed copy the pages are given back first and unmapped then: in between the device ' +
    'can write to memory that belongs to somebody else.',
  upstream: {
    subject: 'drm/pagemap: dma-unmap pages before handling migration errors',
    commit: '9e6372ec2a39',
    release: '7.2.9',
  },
  adapted: 'The pages are buffers of the driver: it has no others to free.',
  level: 'mapping',
  mirror: {
    answer: 'caught by a checker',
    because:
      'closing a buffer unmaps it first and names the leak; the late unmap fails with EINVAL',
    evidence: ['case:dma/streaming/closing-a-mapped-buffer'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const page = await device.dma.allocBuffer({ bytes: 4096, name: 'page' })
      const mapping = device.dma.map(page, { direction: 'from-device' })
      const { address } = mapping
      await world.race({
        driver: async () => {
          const copied = device.engine.write(address, new Uint8Array(8))
          if (await copied.then(() => true).catch(() => false)) mapping.unmap()
          else await variant(page, mapping)
        },
        bus: () => device.sync.mutex('bus').run(() => world.control.failNext('transfer')),
      })
      await page.close()
    }),
})
