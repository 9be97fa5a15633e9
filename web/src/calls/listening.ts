// Listening to a live call: the ticket, the socket, the worklet. One call at a time.
import { create } from 'zustand'
import { api, ApiError, body } from '@/api/client'
import { loadWorklet, startAudio } from '@/audio/context'
import listenWorklet from '@/audio/listen.worklet.ts?worker&url'
import type { Levels } from '@/live/signals'

interface Listening {
  callId: string | null
  state: 'off' | 'starting' | 'on' | 'ended' | 'failed'
  problem: string | null
  /** How much sound waits in the buffer, and how many frames came too late; for the curious and for tests. */
  waitingMs: number
  missed: number
  frames: number
}

const off: Listening = { callId: null, state: 'off', problem: null, waitingMs: 0, missed: 0, frames: 0 }

export const useListening = create<Listening>(() => off)

interface Line {
  socket: WebSocket
  node: AudioWorkletNode
}

let line: Line | null = null
let attempt = 0
const meters = new Set<(now: Levels) => void>()

/** What is really being heard, after the buffer; ~16 times a second. */
export function onHeard(meter: (now: Levels) => void): () => void {
  meters.add(meter)
  return () => meters.delete(meter)
}

export async function listen(callId: string) {
  stopListening()
  const mine = ++attempt
  useListening.setState({ ...off, callId, state: 'starting' })
  try {
    // First: the click's permission to make sound does not outlive a request.
    const audio = await startAudio()
    const [ticket] = await Promise.all([
      body(api.POST('/api/v1/calls/{id}/audio-ticket', { params: { path: { id: callId } } })),
      loadWorklet(audio, listenWorklet),
    ])
    if (mine !== attempt) return
    line = open(audio, ticket.url, ticket.ticket)
  } catch (error) {
    if (mine === attempt) fail(error instanceof ApiError ? error.message : String(error))
  }
}

export function stopListening() {
  attempt += 1
  hangUp()
  useListening.setState(off)
}

function open(audio: AudioContext, path: string, ticket: string): Line {
  const url = new URL(path, location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url, 'switchboard.audio.v1')
  socket.binaryType = 'arraybuffer'
  const node = new AudioWorkletNode(audio, 'switchboard-listen', { numberOfInputs: 0, outputChannelCount: [2] })
  node.connect(audio.destination)
  node.port.onmessage = ({ data }) => {
    for (const meter of meters) meter(data)
    useListening.setState({ waitingMs: data.waitingMs, missed: data.missed })
  }
  const mine = () => line?.socket === socket
  let frames = 0
  socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', ticket }))
  socket.onmessage = ({ data }) => {
    if (!mine()) return
    if (typeof data === 'string') return say(node, data)
    const frame = audioFrame(data as ArrayBuffer)
    if (!frame) return
    node.port.postMessage(frame, [frame.codes.buffer])
    frames += 1
    if (frames % 50 === 1) useListening.setState({ frames })
  }
  socket.onclose = () => {
    if (!mine() || useListening.getState().state === 'ended') return
    fail('lost')
  }
  return { socket, node }
}

/** One byte of track, four of number, then the sound. */
export function audioFrame(data: ArrayBuffer): { track: number; seq: number; codes: Uint8Array<ArrayBuffer> } | null {
  if (data.byteLength <= 5) return null
  const view = new DataView(data)
  return { track: view.getUint8(0), seq: view.getUint32(1), codes: new Uint8Array(data.slice(5)) }
}

function say(node: AudioWorkletNode, text: string) {
  const frame = JSON.parse(text) as { type: string; reason?: string }
  if (frame.type === 'welcome') useListening.setState({ state: 'on' })
  if (frame.type === 'clear') node.port.postMessage('clear')
  if (frame.type === 'bye') {
    hangUp()
    useListening.setState({ state: 'ended' })
    setTimeout(() => useListening.setState((now) => (now.state === 'ended' ? off : now)), 4_000)
  }
}

function hangUp() {
  const left = line
  line = null
  left?.socket.close(1000)
  left?.node.disconnect()
  if (left) for (const meter of meters) meter({ caller: 0, agent: 0 })
}

function fail(problem: string) {
  hangUp()
  useListening.setState({ state: 'failed', problem })
}
