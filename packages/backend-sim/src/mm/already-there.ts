import { HmmError } from '@hmm-sdk/hmm-api'

/** Page `index` of what was to be filled is there already. */
export function alreadyThere(index: number): HmmError {
  return new HmmError('EEXIST', {
    page: index,
    message: 'there is a page already',
    hint: 'Somebody was faster: wake(range), and who waits looks again.',
    retryable: false,
  })
}
