// The browser phone: microphone and ear on one worklet, the media stream on one socket.
import { create } from 'zustand'
import { api, ApiError, body } from '@/api/client'
import { loadWorklet, startAudio } from '@/audio/context'
import phoneWorklet from '@/audio/phone.worklet.ts?worker&url'
import { MediaStream as Stream } from './stream'

export type PhoneState = 'idle' | 'asking' | 'dialling' | 'ringing' | 'talking' | 'ended' | 'failed'

interface Phone {
  state: PhoneState
  callId: string | null
  startedAt: number | null
  endedAt: number | null
  muted: boolean
  problem: 'microphone_denied' | 'microphone_missing' | 'offline' | 'refused' | 'not_signed_in' | null
  detail: string | null
  /** Frames sent and marks played; for tests and for the doubtful. */
  sent: number
  marks: number
}

const idle: Phone = {
  state: 'idle',
  callId: null,
  startedAt: null,
  endedAt: null,
  muted: false,
  problem: null,
  detail: null,
  sent: 0,
  marks: 0,
}

export const usePhone = create<Phone>(() => idle)

export interface PhoneLevels {
  microphone: number
  ear: number
}

const meters = new Set<(now: PhoneLevels) => void>()
const levels: PhoneLevels = { microphone: 0, ear: 0 }

export function onPhoneLevels(meter: (now: PhoneLevels) => void): () => void {
  meters.add(meter)
  return () => meters.delete(meter)
}

/** The close code of a server that does not take the call: "policy violation". */
const REFUSED = 1008

interface Line {
  socket: WebSocket | null
  node: AudioWorkletNode
  microphone: MediaStream
  source: MediaStreamAudioSourceNode
  stream: Stream | null
}

let line: Line | null = null
let attempt = 0

export async function call() {
  hangUp()
  const mine = ++attempt
  usePhone.setState({ ...idle, state: 'asking' }, true)
  try {
    const audio = await startAudio()
    const microphone = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    })
    if (mine !== attempt) return release(microphone)
    usePhone.setState({ state: 'dialling' })
    await loadWorklet(audio, phoneWorklet)
    const node = new AudioWorkletNode(audio, 'switchboard-phone', { numberOfInputs: 1, outputChannelCount: [1] })
    const source = audio.createMediaStreamSource(microphone)
    source.connect(node).connect(audio.destination)
    line = { socket: null, node, microphone, source, stream: null }
    const place = await body(api.POST('/api/v1/phone-calls', { body: {} }))
    if (mine !== attempt) return
    usePhone.setState({ state: 'ringing', callId: place.call_id })
    connect(line, place.url, place.call_id)
  } catch (error) {
    if (mine === attempt) fail(error)
  }
}

function connect(mine: Line, path: string, callId: string) {
  const url = new URL(path, location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  const stream = new Stream(callId)
  mine.socket = socket
  mine.stream = stream
  let sent = 0
  socket.onopen = () => {
    socket.send(stream.connected())
    socket.send(stream.start())
  }
  socket.onmessage = ({ data }) => {
    if (line !== mine) return
    const heard = Stream.hear(String(data))
    if (!heard) return
    mine.node.port.postMessage(heard)
    if ('sound' in heard && usePhone.getState().state === 'ringing') {
      usePhone.setState({ state: 'talking', startedAt: Date.now() })
    }
  }
  socket.onclose = ({ code }) => {
    if (line === mine) end(usePhone.getState().state === 'ringing' && (sent === 0 || code === REFUSED) ? 'refused' : null)
  }
  mine.node.port.onmessage = ({ data }) => {
    if (data.mark !== undefined) {
      if (socket.readyState === WebSocket.OPEN) socket.send(stream.mark(data.mark))
      return usePhone.setState((now) => ({ marks: now.marks + 1 }))
    }
    if (!data.frame) return meter('ear', data.level)
    meter('microphone', data.level)
    // A stuck connection: sound that is late is worth nothing, so it is dropped rather than queued.
    if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > 16_000) return
    socket.send(stream.media(data.frame))
    sent += 1
    if (sent % 50 === 0) usePhone.setState({ sent })
  }
}

export function pressKey(digit: string) {
  if (line?.stream && line.socket?.readyState === WebSocket.OPEN) line.socket.send(line.stream.dtmf(digit))
}

export function setMuted(muted: boolean) {
  line?.node.port.postMessage({ muted })
  usePhone.setState({ muted })
}

export function hangUp() {
  attempt += 1
  if (line?.socket?.readyState === WebSocket.OPEN && line.stream) line.socket.send(line.stream.stop())
  if (line) end(null)
  else if (usePhone.getState().state === 'asking') usePhone.setState(idle, true)
}

function end(problem: Phone['problem']) {
  const left = line
  line = null
  left?.socket?.close(1000)
  left?.source.disconnect()
  left?.node.disconnect()
  if (left) release(left.microphone)
  meter('ear', 0)
  meter('microphone', 0)
  usePhone.setState({ state: problem ? 'failed' : 'ended', endedAt: Date.now(), problem })
}

function release(microphone: MediaStream) {
  for (const track of microphone.getTracks()) track.stop()
}

function meter(side: keyof PhoneLevels, level: number) {
  levels[side] = level
  for (const show of meters) show(levels)
}

function fail(error: unknown) {
  end('refused')
  usePhone.setState({ problem: problemOf(error), detail: error instanceof ApiError ? error.message : null })
}

function problemOf(error: unknown): Phone['problem'] {
  if (error instanceof ApiError) {
    if (error.status === 0) return 'offline'
    return error.status === 401 ? 'not_signed_in' : 'refused'
  }
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'microphone_denied'
  if (name === 'NotFoundError' || name === 'NotReadableError' || error instanceof TypeError) return 'microphone_missing'
  return 'refused'
}
