import type { IntervalNotifier, Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** Takes a page for the device alone; `folio` is its lock, which the kernel returns held. */
type Variant = (notifier: IntervalNotifier, folio: Mutex) => Promise<void>

const faulty: Variant = async (notifier, folio) => {
  for (;;) {
    const sequence = await notifier.readBegin()
    await folio.lock() // make_device_exclusive returns it locked
    if (notifier.readRetry(sequence)) continue
    folio.unlock()
    return
  }
}

const fixed: Variant = async (notifier, folio) => {
  for (;;) {
    const sequence = await notifier.readBegin()
    await folio.lock() // make_device_exclusive returns it locked
    const isLost = notifier.readRetry(sequence)
    folio.unlock()
    if (isLost) continue
    return
  }
}

export default defineBug<Variant>({
  id: 'missing-unlock-after-race',
  about:
    'A page is taken exclusively, an invalidation comes in between, and the loop starts again ' +
    'without unlocking the page of the round that was lost.',
  upstream: {
    subject: 'nouveau/svm: fix missing folio unlock + put after make_device_exclusive_range()',
    release: '6.12.17',
  },
  adapted:
    '`mirror.exclusive` locks and unlocks by itself, so this is written with the sequence ' +
    'protocol and a mutex for the lock of the folio.',
  level: 'exclusive',
  mirror: {
    answer: 'impossible by construction',
    because: 'mirror.exclusive takes, checks, retries and undoes; the driver holds no page',
    evidence: ['case:exclusive/throwing-commit'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, space, buffer }) => {
      const folio = device.sync.mutex('folio')
      const notifier = await device.notifier(space, buffer, { invalidate: () => undefined })
      await world.race({
        driver: () => variant(notifier, folio),
        cpu: () => space.madvise(buffer, 'dontneed'),
      })
      await notifier.close()
    }),
})
