// What a driver pays for typed addresses: one VirtualRange.at() against the bigint addition it stands for.
import { VirtualRange, virtualAddress } from '@hmm-sdk/hmm-api'

const CALLS = 1000

export default async function measure({ time }) {
  const range = VirtualRange.of(virtualAddress(0x10_0000), CALLS)
  const start = 0x10_0000n
  let sum = 0n
  const checked = await time(
    () => {
      for (let i = 0; i < CALLS; i++) sum ^= range.at(i)
    },
    { per: CALLS },
  )
  const plain = await time(
    () => {
      for (let i = 0; i < CALLS; i++) sum ^= start + BigInt(i)
    },
    { per: CALLS },
  )
  return [{ name: 'VirtualRange.at', value: checked, unit: 'ns', reference: plain }]
}
