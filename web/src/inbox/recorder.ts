// The microphone, as Opus in Ogg: what WhatsApp takes for a voice note. Loaded when somebody first wants to speak.
import { BufferTarget, MediaStreamAudioTrackSource, OggOutputFormat, Output, Quality } from 'mediabunny'
import { startAudio } from '@/audio/context'
import { loudness } from './voice-clock'

/** Speech needs no more. */
const BITRATE = 32_000
const LEVEL_MS = 100

export interface Recorder {
  pause: () => void
  resume: () => void
  /** The recording; the microphone is let go. */
  finish: () => Promise<Blob>
  /** Lets the microphone go, and what was recorded. */
  drop: () => void
}

interface Told {
  /** Ten times a second, 0 to 1; not while paused. */
  level: (level: number) => void
  /** It ended by itself: the microphone was taken away, or cannot be recorded any more. */
  ended: () => void
}

export async function record(microphone: MediaStream, told: Told): Promise<Recorder> {
  const [track] = microphone.getAudioTracks() as MediaStreamAudioTrack[]
  if (!track) throw new DOMException('No sound in it.', 'NotFoundError')
  const target = new BufferTarget()
  const output = new Output({ format: new OggOutputFormat(), target })
  const source = new MediaStreamAudioTrackSource(track, {
    codec: 'opus',
    quality: new Quality({ bitrate: BITRATE }),
    // Whatever the microphone gives: Opus is made for this, and not every browser takes other rates.
    transform: { sampleRate: 48_000, numberOfChannels: 1 },
  })
  source.errorPromise.catch(told.ended)
  track.addEventListener('ended', told.ended)
  output.addAudioTrack(source)
  await output.start()
  const meter = await metered(microphone, (level) => source.paused || told.level(level))
  const release = () => {
    meter()
    track.removeEventListener('ended', told.ended)
    for (const each of microphone.getTracks()) each.stop()
  }
  return {
    pause: () => source.pause(),
    resume: () => source.resume(),
    finish: async () => {
      meter()
      try {
        await output.finalize()
      } finally {
        release()
      }
      return new Blob([target.buffer ?? new ArrayBuffer(0)], { type: 'audio/ogg; codecs=opus' })
    },
    drop: () => {
      release()
      void output.cancel().catch(() => undefined)
    },
  }
}

/** Tells how loud it is; returns how to stop. */
async function metered(microphone: MediaStream, tell: (level: number) => void): Promise<() => void> {
  const audio = await startAudio()
  const analyser = new AnalyserNode(audio, { fftSize: 4096 })
  const source = audio.createMediaStreamSource(microphone)
  source.connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    tell(loudness(samples))
  }, LEVEL_MS)
  let done = false
  return () => {
    if (done) return
    done = true
    clearInterval(timer)
    source.disconnect()
  }
}
