// Runs before the first paint, so that the page never flashes in the wrong theme or direction.
// A file of its own: an inline script would need a looser Content-Security-Policy.
(function () {
  try {
    var theme = localStorage.getItem('switchboard.theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
    var language = localStorage.getItem('switchboard.language')
    if (language) {
      document.documentElement.lang = language
      document.documentElement.dir = language === 'he' || language === 'ar' ? 'rtl' : 'ltr'
    }
  } catch {
    // Storage may be forbidden; the defaults hold.
  }
})()
