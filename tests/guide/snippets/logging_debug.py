import logging

logging.basicConfig()
logging.getLogger('rota').setLevel(logging.DEBUG)
