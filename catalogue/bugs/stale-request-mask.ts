import { HmmError, type IntervalNotifier, type PageRequest } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** Makes a page of the notifier usable; the array of requests lives as long as the driver. */
type Variant = (
  notifier: IntervalNotifier,
  requests: Map<number, PageRequest>,
  page: number,
  access: 'read' | 'write',
) => Promise<void>

const faulty: Variant = async (notifier, requests, page, access) => {
  requests.set(page, access)
  await notifier.faultAndCommit(notifier.range, { perPage: requests }, () => undefined)
}

const fixed: Variant = async (notifier, requests, page, access) => {
  requests.clear()
  requests.set(page, access)
  await notifier.faultAndCommit(notifier.range, { perPage: requests }, () => undefined)
}

export default defineBug<Variant>({
  id: 'stale-request-mask',
  about:
    'What a range fault is asked for is not initialised: old entries count as requests. A ' +
    'read of ' +
    'one page then fails because another page, written once, may not be written any more.',
  upstream: {
    subject: 'drm/xe/userptr: properly setup pfn_flags_mask',
    release: '6.12.19',
  },
  adapted:
    'The API computes the mask itself; what is left to get wrong is to keep the requests of the' +
    ' last fault.',
  level: 'range fault',
  mirror: {
    answer: 'impossible by construction',
    because: 'a map has one access for all of its range, given with the call; nothing is kept',
    evidence: ['type:mapTakesOneAccess'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(
      world,
      async ({ device, space, buffer }) => {
        const notifier = await device.notifier(space, buffer, { invalidate: () => undefined })
        const requests = new Map<number, PageRequest>()
        await world.race({
          driver: async () => {
            await variant(notifier, requests, 0, 'write').catch((error: unknown) => {
              if (!HmmError.is(error) || error.code !== 'EPERM') throw error
            })
            await variant(notifier, requests, 1, 'read')
          },
          cpu: () => space.mprotect(buffer.page(0), 'r'),
        })
        await notifier.close()
      },
      { pages: 2 },
    ),
})
