#!/usr/bin/python3
"""Fills a new domain while its controller does not run, in one process and one transaction.

    populate.py SMB_CONF SERVER PASSWORD KEYTAB

Users alice and bob (in staff, alice also in nested, which is in projects), many (in 300 groups),
locked (disabled). The computer SERVER has the names of a file server, AES keys only, and its keytab in
KEYTAB. samba-tool does each of these in a second of its own.
"""

import subprocess
import sys

from samba.auth import system_session
from samba.dsdb import UF_ACCOUNTDISABLE
from samba.param import LoadParm
from samba.samdb import SamDB
import ldb

MANY_GROUPS = 300
AES_ONLY = "24"  # msDS-SupportedEncryptionTypes: without it tickets come with RC4 keys.


def main():
    smb_conf, server, password, keytab = sys.argv[1:5]
    parameters = LoadParm()
    parameters.load(smb_conf)
    database = SamDB(session_info=system_session(), lp=parameters)
    realm = parameters.get("realm").lower()
    database.transaction_start()
    database.set_minPwdAge("0")
    database.set_maxPwdAge("0")
    for user in ("alice", "bob", "many", "locked"):
        database.newuser(user, password)
    for group in ("staff", "projects", "nested"):
        database.newgroup(group)
    database.add_remove_group_members("staff", ["alice", "bob"], add_members_operation=True)
    database.add_remove_group_members("nested", ["alice"], add_members_operation=True)
    database.add_remove_group_members("projects", ["nested"], add_members_operation=True)
    for number in range(MANY_GROUPS):
        name = f"group{number:03}"
        database.newgroup(name)
        database.add_remove_group_members(name, ["many"], add_members_operation=True)
    names = [f"{service}/{host}" for service in ("cifs", "host")
             for host in (server, f"{server}.{realm}")]
    database.newcomputer(server, service_principal_name_list=names)
    account = f"{server}$"
    message = ldb.Message()
    message.dn = database.search(expression=f"(sAMAccountName={account})", attrs=[])[0].dn
    message["e"] = ldb.MessageElement(AES_ONLY, ldb.FLAG_MOD_REPLACE,
                                      "msDS-SupportedEncryptionTypes")
    database.modify(message)
    database.setpassword(f"(sAMAccountName={account})", password + "-machine")
    database.toggle_userAccountFlags("(sAMAccountName=locked)", UF_ACCOUNTDISABLE, on=True)
    database.transaction_commit()
    for name in (account, f"cifs/{server}.{realm}", f"cifs/{server}"):
        subprocess.run(["samba-tool", "domain", "exportkeytab", keytab, f"--principal={name}", "-s",
                        smb_conf], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
