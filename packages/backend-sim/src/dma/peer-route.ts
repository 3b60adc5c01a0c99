import type { PeerRoute } from '@hmm-sdk/hmm-api/raw'

/** Where a device sits (`devices.NAME.sim.pci` in the config). */
export interface SimPciOptions {
  /** Name of its host bridge. Default `'bridge0'`. */
  readonly hostBridge?: string
  /** Name of the switch below that; `''` for none. Default `'switch0'`. */
  readonly switch?: string
  /** Whether ACS sends its requests to peers up to the host bridge. Default false. */
  readonly acsRedirect?: boolean
  /**
   * Whether its host bridge is known to pass requests between peers; `'same-bridge'`: only between those
   * below it, not to another bridge (`REQ_SAME_HOST_BRIDGE`). Default true.
   */
  readonly bridgeAllowed?: boolean | 'same-bridge'
}

/** `pci_p2pdma_map_type` by the place of both devices. */
export function peerRoute(
  client: Required<SimPciOptions>,
  provider: Required<SimPciOptions>,
  same: boolean,
): PeerRoute {
  if (same) return { kind: 'bus-address' }
  const oneSwitch = client.switch !== '' && client.switch === provider.switch
  const redirected = client.acsRedirect || provider.acsRedirect
  if (oneSwitch && client.hostBridge === provider.hostBridge && !redirected) {
    return { kind: 'bus-address' }
  }
  const oneBridge = client.hostBridge === provider.hostBridge
  const refusing = [client, provider].find(
    ({ bridgeAllowed }) => bridgeAllowed !== true && !(bridgeAllowed && oneBridge),
  )
  if (refusing === undefined) return { kind: 'host-bridge' }
  const { hostBridge, bridgeAllowed } = refusing
  const listed = bridgeAllowed
    ? 'on the allow-list for peers below it only'
    : 'not on the allow-list'
  return { kind: 'unsupported', reason: `host bridge '${hostBridge}' is ${listed}` }
}
