import { HmmError, type IntervalNotifier, type VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { checkFrame, copyPages, type PageRead } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'

interface Region {
  readonly notifier: IntervalNotifier
  /** Where the key lies in the process. */
  range: VirtualRange
  /** The translation of the first page of the key. */
  entry: PageRead | undefined
}
/** `ibv_rereg_mr`: the same key for another place. */
type Variant = (region: Region, to: VirtualRange) => void

const faulty: Variant = (region, to) => {
  region.range = to
  region.entry = undefined
}

const fixed: Variant = (region, to) => {
  throw new HmmError('EOPNOTSUPP', { range: to, message: 'make a new region instead' })
}

/** The page fault of the first page of the key. */
async function fault(region: Region): Promise<void> {
  const { notifier, range } = region
  await notifier.faultAndCommit(range, { request: 'read' }, (pages) => {
    region.entry = copyPages(pages)[0]
  })
}

export default defineBug<Variant>({
  id: 'rereg-in-place',
  about:
    'A region is moved to another place while a fault of it is being handled. The fault ' +
    'then writes ' +
    'the translation of the old place under the key that now means the new one.',
  upstream: { subject: 'RDMA/mlx5: Do not allow rereg of a ODP MR', release: '5.3.9' },
  level: 'notifier',
  mirror: {
    answer: 'impossible by construction',
    because: 'the range of a mirror is fixed and read-only: another place is another mirror',
    evidence: ['type:rangeIsReadonly'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(
      world,
      async (scene) => {
        const { device, space, buffer } = scene
        const notifier = await device.notifier(space, buffer, {
          invalidate: () => (region.entry = undefined),
        })
        const region: Region = { notifier, range: buffer.page(0), entry: undefined }
        await world.race({
          fault: () => fault(region),
          rereg: async () => {
            await device.sync.mutex('umem').run(() => {
              try {
                variant(region, buffer.page(1))
              } catch (error) {
                if (!HmmError.is(error)) throw error
              }
            })
          },
        })
        if (region.entry !== undefined) checkFrame(scene, region.range, region.entry.frame, 'read')
        await notifier.close()
      },
      { pages: 2 },
    ),
})
