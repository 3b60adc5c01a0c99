import { HmmError, type Access, type Mirror, type VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

interface Fault {
  readonly page: VirtualRange
  readonly access: Access
}
/** Handles a batch of faults. */
type Variant = (mirror: Mirror, batch: readonly Fault[]) => Promise<void>

const faulty: Variant = async (mirror, batch) => {
  let isAtomic = false
  for (const { page, access } of batch) {
    if (access === 'atomic') isAtomic = true
    if (isAtomic) await mirror.exclusive(page, {}, () => undefined)
    else await mirror.map(page, { access: 'read' }, () => undefined)
  }
}

const fixed: Variant = async (mirror, batch) => {
  for (const { page, access } of batch) {
    const isAtomic = access === 'atomic'
    if (isAtomic) await mirror.exclusive(page, {}, () => undefined)
    else await mirror.map(page, { access: 'read' }, () => undefined)
  }
}

export default defineBug<Variant>({
  id: 'atomic-not-reset',
  about:
    'One atomic access in a batch of faults makes all that follow atomic too: pages that ' +
    'are only ' +
    'read are taken from the CPU, and read-only ones fail.',
  upstream: { subject: 'seen in drivers/gpu/drm/nouveau/nouveau_svm.c of 7.3.4, not mended' },
  level: 'exclusive',
  mirror: {
    answer: 'found by exploration',
    because: 'exclusive is another call than map, but which of them is called is up to the driver',
    evidence: ['run'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(
      world,
      async ({ device, space, buffer }) => {
        const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
        const batch: Fault[] = [
          { page: buffer.page(0), access: 'atomic' },
          { page: buffer.page(1), access: 'read' },
        ]
        await world.race({
          faults: () =>
            variant(mirror, batch).catch((error: unknown) => {
              if (HmmError.is(error) && error.code === 'EBUSY') return
              throw error
            }),
          cpu: () => space.mprotect(buffer.page(1), 'r'),
        })
        await mirror.close()
      },
      { pages: 2 },
    ),
})
