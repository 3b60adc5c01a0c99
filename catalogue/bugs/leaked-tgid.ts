import { defineBug } from '../parts/bug.js'
import type { Allocation } from '../parts/heap.js'
import { Reference } from '../parts/reference.js'
import { withScene } from '../parts/scene.js'

interface Region {
  readonly umem: Allocation
  /** The thread group whose memory it is. */
  readonly tgid: Reference
  readonly isImplicit: boolean
}
type Variant = (region: Region) => Promise<void>

const faulty: Variant = async ({ umem, tgid, isImplicit }) => {
  if (!isImplicit) await tgid.put()
  umem.free()
}

const fixed: Variant = async ({ umem, tgid }) => {
  await tgid.put()
  umem.free()
}

export default defineBug<Variant>({
  id: 'leaked-tgid',
  about: 'The release of an implicit region forgets the reference of its process that it holds.',
  upstream: { subject: 'RDMA/odp: Fix leaking the tgid for implicit ODP', release: '5.5.17' },
  adapted: 'The API has no references of processes; a reference count of the driver stands for it.',
  level: 'sync',
  mirror: {
    answer: 'impossible by construction',
    because: 'a mirror holds nothing of the process that a driver would have to give back',
    evidence: ['case:events/release/exit'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ heap }) => {
      const task = heap.alloc('tgid')
      const tgid = new Reference('tgid', () => task.free())
      tgid.get()
      await world.race({
        release: () => variant({ umem: heap.alloc('umem'), tgid, isImplicit: true }),
        exit: () => tgid.put(),
      })
    }),
})
