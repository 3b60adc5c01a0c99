import type { AddressSpace, Device, IntervalNotifier, VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** An object of the driver for memory of a process (`userptr`). */
interface UserPointer {
  notifier: IntervalNotifier | undefined
  isReleased: boolean
}
type Variant = (object: UserPointer) => Promise<void>

const faulty: Variant = async (object) => {
  object.isReleased = true
  const notifier = object.notifier as IntervalNotifier
  await notifier.close()
}

const fixed: Variant = async (object) => {
  object.isReleased = true
  const notifier = object.notifier
  await notifier?.close()
}

/** Watches the memory; an object that was released meanwhile needs no notifier. */
async function register(
  object: UserPointer,
  device: Device,
  space: AddressSpace,
  range: VirtualRange,
): Promise<void> {
  const notifier = await device.notifier(space, range, { invalidate: () => undefined })
  if (object.isReleased) await notifier.close()
  else object.notifier = notifier
}

export default defineBug<Variant>({
  id: 'remove-of-missing-notifier',
  about: 'The release of an object removes a notifier that was not, or not yet, inserted.',
  upstream: { subject: 'drm/i915: Check before removing mm notifier', release: '6.1.84' },
  level: 'notifier',
  mirror: {
    answer: 'impossible by type',
    because:
      'device.mirror() resolves to a mirror that is inserted; without one there is undefined',
    evidence: ['type:mirrorMayBeMissing'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer }) => {
      const object: UserPointer = { notifier: undefined, isReleased: false }
      await world.race({
        register: () => register(object, device, space, buffer),
        release: () => variant(object),
      })
    }),
})
