"""``twistd swftp-ftp`` and ``twistd swftp``."""

from twisted.application.service import ServiceMaker

swftp_ftp = ServiceMaker(
    "SwFTP FTP", "swftp.plugins.ftp", "An FTP(S) server whose files are objects in OpenStack Swift.", "swftp-ftp"
)
swftp = ServiceMaker(
    "SwFTP", "swftp.plugins.every", "SFTP and FTP(S) servers whose files are objects in OpenStack Swift.", "swftp"
)
