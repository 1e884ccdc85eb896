"""One headless Chromium for all tests of pages, driven by selenium."""

import shutil

import pytest

_OPTIONS = (
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
)


@pytest.fixture(scope='session')
def browser(tmp_path_factory):
  webdriver = pytest.importorskip('selenium.webdriver')
  chromium = shutil.which('chromium') or shutil.which('chromium-browser')
  driver = shutil.which('chromedriver')
  if not chromium or not driver:
    pytest.skip('needs chromium and chromedriver: make browser')
  options = webdriver.ChromeOptions()
  options.binary_location = chromium
  for option in _OPTIONS:
    options.add_argument(option)
  profile = tmp_path_factory.mktemp('profile')
  options.add_argument(f'--user-data-dir={profile}')
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  service = webdriver.ChromeService(driver)
  browser = webdriver.Chrome(options=options, service=service)
  yield browser
  browser.quit()
