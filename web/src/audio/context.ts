// The one audio context of the page. Browsers allow few, and start them only in answer to a click.
let context: AudioContext | null = null
const loaded = new Map<string, Promise<void>>()

/** Call from a click's handler: this is what permits sound. */
export async function startAudio(): Promise<AudioContext> {
  context ??= new AudioContext({ latencyHint: 'interactive' })
  if (context.state !== 'running') await context.resume()
  return context
}

export function loadWorklet(audio: AudioContext, url: string): Promise<void> {
  let loading = loaded.get(url)
  if (!loading) {
    loading = audio.audioWorklet.addModule(url).catch((error: unknown) => {
      loaded.delete(url)
      throw error
    })
    loaded.set(url, loading)
  }
  return loading
}
