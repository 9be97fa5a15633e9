// Where the app begins.
import '@/index.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { Direction } from 'radix-ui'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queries } from './api/queries'
import { renew, useSession } from './api/session'
import { startLanguages, useLanguage } from './i18n'
import { router } from './router'

function App() {
  const direction = useLanguage((state) => state.direction)
  return (
    <StrictMode>
      <QueryClientProvider client={queries}>
        <Direction.Provider dir={direction}>
          <RouterProvider router={router} />
        </Direction.Provider>
      </QueryClientProvider>
    </StrictMode>
  )
}

// What one member saw is not for the next one at the same browser.
useSession.subscribe((now, before) => {
  if (before.me && now.me?.staff.id !== before.me.staff.id) queries.clear()
})

// A one-time link makes its own session; renewing an old one beside it would only race.
if (!location.hash.startsWith('#link=')) void renew()
else useSession.setState({ phase: 'out' })

await startLanguages()
const place = document.getElementById('root')
if (place) createRoot(place).render(<App />)
