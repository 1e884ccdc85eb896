"""What the tests of pages do in the browser."""


def show(browser, width, height, theme):
  browser.execute_cdp_cmd(
    'Emulation.setDeviceMetricsOverride',
    {
      'width': width,
      'height': height,
      'deviceScaleFactor': 1,
      'mobile': width < 600,
    },
  )
  theme = {'name': 'prefers-color-scheme', 'value': theme}
  browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [theme]})


def all_of(page, selector):
  return page.find_elements('css selector', selector)


def press(page, selector, place=0):
  """Clicks, wherever on the page it is and whatever is drawn over it."""
  page.execute_script('arguments[0].click()', all_of(page, selector)[place])


def keys(page, *names):
  from selenium.webdriver.common.action_chains import ActionChains

  ActionChains(page).send_keys(*names).perform()
