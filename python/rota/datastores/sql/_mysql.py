"""x"""
from rota.datastores.sql._dialect import Dialect
class MySQL(Dialect): drivers=("asyncmy","aiomysql")
