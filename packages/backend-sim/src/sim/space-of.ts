import { HmmError } from '@hmm-sdk/hmm-api'
import { rawOf, type RawAddressSpace } from '@hmm-sdk/hmm-api/raw'
import { SimAddressSpace } from './address-space.js'

/** The simulated process behind `space`, raw or public. EINVAL if it is not one. */
export function spaceOf(space: object): SimAddressSpace {
  const raw = space instanceof SimAddressSpace ? space : (rawOf(space as never) as RawAddressSpace)
  if (raw instanceof SimAddressSpace) return raw
  throw new HmmError('EINVAL', { message: 'the address space is not simulated' })
}
